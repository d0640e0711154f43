using Microsoft.Win32.SafeHandles;

namespace HangAnalysis.Targets.Images;

/// <summary>
/// The bytes of an image file on disk, as the loader would lay them out. Every read goes to the file: nothing is
/// kept, so an image of hundreds of megabytes costs nothing until it is asked for, and callers read in bulk.
/// Relocations are not applied.
/// </summary>
public sealed class FileImageBytes : IImageBytes, IDisposable
{
    // The PE format document gives sections of files 512-byte alignment; the loader rounds PointerToRawData down to it.
    private const uint FileSectorMask = 0x1ff;
    private const uint PageSize = 0x1000;

    private readonly SafeFileHandle _file;
    private readonly long _fileLength;
    private uint _headerSize;
    private MappedSection[] _sections = [];

    private readonly record struct MappedSection(uint Rva, uint MappedSize, uint FileOffset, uint FileSize);

    private FileImageBytes(SafeFileHandle file, long fileLength)
    {
        _file = file;
        _fileLength = fileLength;
        _headerSize = (uint)Math.Min(fileLength, uint.MaxValue);
    }

    /// <summary>Opens an image file.</summary>
    /// <exception cref="DumpFormatException">The file cannot be opened or is not a PE image.</exception>
    public static FileImageBytes Open(string path)
    {
        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(path);
            FileImageBytes bytes = new(file, RandomAccess.GetLength(file));
            // Until the sections are known RVAs are file offsets, which is what the headers need.
            if (!PeImage.TryRead(bytes, out PeImage? image))
                throw new DumpFormatException($"{path}: not a PE image (no valid headers at its start)");
            bytes.Map(image);
            file = null;
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException
            or NotSupportedException)
        {
            throw new DumpFormatException($"{path}: cannot be read: {e.Message}", e);
        }
        finally
        {
            file?.Dispose();
        }
    }

    private void Map(PeImage image)
    {
        _headerSize = (uint)Math.Min(image.SizeOfHeaders, _fileLength);
        List<MappedSection> sections = [];
        foreach (ImageSection section in image.Sections)
        {
            uint mapped = section.VirtualSize != 0 ? section.VirtualSize : section.FileSize;
            uint mask = image.SectionAlignment >= PageSize ? FileSectorMask : 0;
            uint offset = section.FileOffset & ~mask;
            sections.Add(new MappedSection(section.Rva, mapped, offset, Math.Min(section.FileSize, mapped)));
        }
        _sections = [.. sections];
    }

    /// <inheritdoc/>
    public int Read(uint rva, Span<byte> buffer)
    {
        if (rva < _headerSize)
            return ReadFile(rva, buffer[..(int)Math.Min((uint)buffer.Length, _headerSize - rva)]);
        foreach (MappedSection section in _sections)
            if (rva - section.Rva < section.MappedSize && rva >= section.Rva)
                return ReadSection(section, rva - section.Rva, buffer);
        return 0;
    }

    private int ReadSection(MappedSection section, uint offset, Span<byte> buffer)
    {
        Span<byte> wanted = buffer[..(int)Math.Min((uint)buffer.Length, section.MappedSize - offset)];
        int read = 0;
        if (offset < section.FileSize)
        {
            int fromFile = (int)Math.Min((uint)wanted.Length, section.FileSize - offset);
            read = ReadFile((long)section.FileOffset + offset, wanted[..fromFile]);
            if (read < fromFile)
                return read;
        }
        // What a section has beyond its bytes in the file is zero when loaded.
        wanted[read..].Clear();
        return wanted.Length;
    }

    private int ReadFile(long offset, Span<byte> buffer)
    {
        int total = 0;
        try
        {
            while (total < buffer.Length)
            {
                int read = RandomAccess.Read(_file, buffer[total..], offset + total);
                if (read <= 0)
                    break;
                total += read;
            }
        }
        catch (IOException)
        {
            return total;
        }
        return total;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();
}
