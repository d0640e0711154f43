using Microsoft.Win32.SafeHandles;

namespace HangAnalysis.Targets.Dumps;

/// <summary>A dump file, read in blocks of which the latest are kept.</summary>
/// <remarks>
/// A mapping of the file would spare the copies, but all pages it has touched count as this program's memory: a sweep over
/// 50,000 threads touches a whole dump of 768 MB. And a file that shrinks, or a network share that goes away, would end the
/// program, where a read that fails is one line. The cache is direct-mapped, as a processor's. Not safe for several threads
/// at a time. Nothing here writes.
/// </remarks>
internal sealed class DumpFile : IFileBytes, IDisposable
{
    /// <summary>
    /// What lies together in memory often lies together in the file, and a call costs as much as copying some 4 KB.
    /// </summary>
    private const int BlockSize = 16 * 1024;

    /// <summary>32 MB: the page tables of some hundred processes, and what is being read.</summary>
    private const int DefaultBlocks = 2048;

    private readonly SafeFileHandle _file;
    private readonly long[] _blocks;
    private readonly byte[]?[] _bytes;
    private readonly int[] _lengths;

    private DumpFile(SafeFileHandle file, int blocks)
    {
        _file = file;
        Length = RandomAccess.GetLength(file);
        _blocks = new long[blocks];
        _bytes = new byte[]?[blocks];
        _lengths = new int[blocks];
        Array.Fill(_blocks, -1);
    }

    /// <inheritdoc/>
    public long Length { get; }

    /// <summary>Is told, once, where the file cannot be read and why.</summary>
    public Action<string>? ReadFailed { get; set; }

    /// <summary>Opens a file; throws <see cref="DumpFormatException"/> with one line where it cannot.</summary>
    /// <param name="path">The file.</param>
    /// <param name="blocks">Blocks of 16 KB to keep; a power of two.</param>
    public static DumpFile Open(string path, int blocks = DefaultBlocks)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            DumpFile file = new(handle, blocks);
            if (file.Length == 0)
                throw new DumpFormatException($"{path}: the file is empty");
            handle = null;
            return file;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException
            or NotSupportedException)
        {
            throw new DumpFormatException($"{path}: cannot be opened: {FirstLine(exception.Message)}", exception);
        }
        finally
        {
            handle?.Dispose();
        }
    }

    /// <inheritdoc/>
    public int Read(long offset, Span<byte> buffer)
    {
        if (offset < 0)
            return 0;
        int done = 0;
        while (done < buffer.Length)
        {
            ReadOnlySpan<byte> bytes = BytesFrom(offset + done);
            if (bytes.IsEmpty)
                break;
            int count = Math.Min(bytes.Length, buffer.Length - done);
            bytes[..count].CopyTo(buffer[done..]);
            done += count;
        }
        return done;
    }

    /// <summary>The bytes of a range; shorter than asked, or empty, where the file ends before.</summary>
    public ReadOnlySpan<byte> ReadBytes(long offset, int length)
    {
        byte[] bytes = new byte[offset < 0 ? 0 : Math.Clamp(Length - offset, 0, Math.Max(length, 0))];
        return bytes.AsSpan(0, Read(offset, bytes));
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>The bytes from an offset to the end of its block; they are good until the next call.</summary>
    private ReadOnlySpan<byte> BytesFrom(long offset)
    {
        long block = offset / BlockSize;
        int slot = (int)((block ^ block / _blocks.Length) & (_blocks.Length - 1));
        if (_blocks[slot] != block)
            Load(slot, block);
        int inBlock = (int)(offset % BlockSize);
        return inBlock < _lengths[slot] ? _bytes[slot].AsSpan(inBlock, _lengths[slot] - inBlock) : default;
    }

    private void Load(int slot, long block)
    {
        // Pinned arrays are never moved, so that the collector does not copy the cache.
        byte[] bytes = _bytes[slot] ??= GC.AllocateUninitializedArray<byte>(BlockSize, pinned: true);
        _lengths[slot] = 0;
        _blocks[slot] = block;
        long start = block * BlockSize;
        try
        {
            while (_lengths[slot] < BlockSize
                && RandomAccess.Read(_file, bytes.AsSpan(_lengths[slot]), start + _lengths[slot]) is int read and > 0)
                _lengths[slot] += read;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            ReadFailed?.Invoke($"the file cannot be read at 0x{start + _lengths[slot]:x}: {FirstLine(exception.Message)}");
            ReadFailed = null;
        }
    }

    private static string FirstLine(string text)
    {
        int end = text.AsSpan().IndexOfAny('\r', '\n');
        return end < 0 ? text : text[..end];
    }
}
