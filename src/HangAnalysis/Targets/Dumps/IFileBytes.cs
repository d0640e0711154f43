namespace HangAnalysis.Targets.Dumps;

/// <summary>The bytes of a file, or of a file inside a file.</summary>
internal interface IFileBytes
{
    /// <summary>Size in bytes.</summary>
    long Length { get; }

    /// <summary>Copies the bytes from an offset on; returns how many the file holds of them.</summary>
    int Read(long offset, Span<byte> buffer);
}
