using System.IO.MemoryMappedFiles;

namespace HangAnalysis.Targets.Dumps;

/// <summary>A file mapped read-only into our address space.</summary>
/// <remarks>
/// Dumps are larger than memory and are read in scattered pages; a mapping costs no copy and no system call for each
/// read, and the operating system keeps just the pages that are used. The price: a file that shrinks while it is open
/// ends the process with a bus error, as in every tool that maps files. Nothing here writes.
/// </remarks>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;

    private MappedFile(MemoryMappedFile file, MemoryMappedViewAccessor view, long length)
    {
        _file = file;
        _view = view;
        Length = length;
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _start = start + view.PointerOffset;
    }

    /// <summary>Size in bytes.</summary>
    public long Length { get; }

    /// <summary>Opens a file; throws <see cref="DumpFormatException"/> with one line where it cannot.</summary>
    public static MappedFile Open(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (stream.Length == 0)
                throw new DumpFormatException($"{path}: the file is empty");
            MemoryMappedFile file = MemoryMappedFile.CreateFromFile(
                stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            try
            {
                return new MappedFile(file, file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read), stream.Length);
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException
            or NotSupportedException)
        {
            throw new DumpFormatException($"{path}: cannot be opened: {FirstLine(exception.Message)}", exception);
        }
    }

    /// <summary>The bytes of a range; shorter than asked, or empty, where the file ends before.</summary>
    public ReadOnlySpan<byte> Slice(long offset, int length)
    {
        if ((ulong)offset >= (ulong)Length || length <= 0)
            return default;
        return new ReadOnlySpan<byte>(_start + offset, (int)Math.Min(length, Length - offset));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private static string FirstLine(string text)
    {
        int end = text.AsSpan().IndexOfAny('\r', '\n');
        return end < 0 ? text : text[..end];
    }
}
