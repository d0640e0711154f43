using System.Buffers.Binary;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// The container of a PDB: numbered streams, each a list of blocks. Only the directory of blocks is held; a stream's
/// bytes are read when asked for, through a few cached chunks of the file, because PDBs of 100 MB and more are usual
/// and a lookup needs kilobytes of one. The price is a small copy for each read.
/// </summary>
/// <remarks>Format: llvm.org/docs/PDB/MsfFile.html. Not thread-safe: its owner serialises reads.</remarks>
internal sealed class MsfFile : IDisposable
{
    private const int SuperBlockSize = 56;
    private const int ChunkSize = 16 * 1024;
    private const int ChunkSlots = 32;
    private const uint NilStreamSize = uint.MaxValue;

    private readonly Stream _file;
    private readonly string _path;
    private readonly long _length;
    private readonly byte[]?[] _chunks = new byte[]?[ChunkSlots];
    private readonly long[] _chunkNumbers = new long[ChunkSlots];
    private readonly int[] _chunkLengths = new int[ChunkSlots];
    private uint _blockSize;
    private uint[] _directory = [];
    private int[] _firstBlocks = [];

    private MsfFile(Stream file, string path)
    {
        _file = file;
        _path = path;
        _length = file.Length;
        Array.Fill(_chunkNumbers, -1);
    }

    private static ReadOnlySpan<byte> Magic => "Microsoft C/C++ MSF 7.00\r\n\u001aDS\0\0\0"u8;

    /// <summary>Number of streams.</summary>
    public int StreamCount => _firstBlocks.Length;

    /// <summary>Opens a container; the stream is owned from here on.</summary>
    /// <exception cref="DumpFormatException">It is no MSF 7.00 file, or its directory is damaged.</exception>
    public static MsfFile Open(Stream seekable, string path)
    {
        try
        {
            MsfFile file = new(seekable, path);
            file.ReadDirectory();
            return file;
        }
        catch (IOException error)
        {
            seekable.Dispose();
            throw new DumpFormatException($"{path}: cannot be read: {error.Message}", error);
        }
        catch
        {
            seekable.Dispose();
            throw;
        }
    }

    /// <summary>Size of a stream in bytes, 0 for one that is absent.</summary>
    public long StreamSize(int stream)
    {
        if ((uint)stream >= (uint)StreamCount)
            return 0;
        uint size = _directory[1 + stream];
        return size == NilStreamSize ? 0 : size;
    }

    /// <summary>Copies bytes of a stream; fewer than asked where the stream, or the file, ends before.</summary>
    public int Read(int stream, long offset, Span<byte> buffer)
    {
        long size = StreamSize(stream);
        if (offset < 0 || offset >= size)
            return 0;
        int wanted = (int)Math.Min(buffer.Length, size - offset);
        int done = 0;
        while (done < wanted)
        {
            long position = offset + done;
            uint block = _directory[_firstBlocks[stream] + (int)(position / _blockSize)];
            uint inBlock = (uint)(position % _blockSize);
            int count = (int)Math.Min(wanted - done, _blockSize - inBlock);
            int copied = ReadFile((long)block * _blockSize + inBlock, buffer.Slice(done, count));
            done += copied;
            if (copied < count)
                break;
        }

        return done;
    }

    /// <summary>The whole of a stream that must be small; null where it is larger than the limit or cut off.</summary>
    public byte[]? ReadWhole(int stream, int limit)
    {
        long size = StreamSize(stream);
        if (size > limit)
            return null;
        byte[] bytes = new byte[size];
        return Read(stream, 0, bytes) == bytes.Length ? bytes : null;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void ReadDirectory()
    {
        Span<byte> super = stackalloc byte[SuperBlockSize];
        int read = ReadFile(0, super);
        if (read >= 4 && super[..4].SequenceEqual("BSJB"u8))
            throw new DumpFormatException($"{_path}: is a portable PDB of managed code, not an MSF 7.00 file");
        if (read < SuperBlockSize || !super[..Magic.Length].SequenceEqual(Magic))
            throw new DumpFormatException($"{_path}: is no PDB (the MSF 7.00 signature is missing)");

        _blockSize = BinaryPrimitives.ReadUInt32LittleEndian(super[32..]);
        uint directoryBytes = BinaryPrimitives.ReadUInt32LittleEndian(super[44..]);
        uint mapBlock = BinaryPrimitives.ReadUInt32LittleEndian(super[52..]);
        // LLVM writes blocks of up to 32 KB (/pdbpagesize), link.exe the same.
        if (_blockSize is < 512 or > 65_536 || (_blockSize & (_blockSize - 1)) != 0)
            throw new DumpFormatException($"{_path}: the PDB's block size {_blockSize} is not valid");
        if (directoryBytes < 4 || directoryBytes > _length || directoryBytes > int.MaxValue)
            throw new DumpFormatException($"{_path}: the PDB's directory of {directoryBytes} bytes exceeds the file");

        byte[] map = new byte[CountBlocks(directoryBytes) * 4];
        byte[] directory = new byte[directoryBytes & ~3u];
        if (ReadFile((long)mapBlock * _blockSize, map) < map.Length)
            throw new DumpFormatException($"{_path}: the PDB's block map at block {mapBlock} lies outside the file");
        for (int at = 0, i = 0; at < directory.Length; at += (int)_blockSize, i += 4)
        {
            uint block = BinaryPrimitives.ReadUInt32LittleEndian(map.AsSpan(i));
            int count = (int)Math.Min(_blockSize, directory.Length - at);
            if (ReadFile((long)block * _blockSize, directory.AsSpan(at, count)) < count)
                throw new DumpFormatException($"{_path}: the PDB's directory block {block} lies outside the file");
        }

        _directory = new uint[directory.Length / 4];
        for (int i = 0; i < _directory.Length; i++)
            _directory[i] = BinaryPrimitives.ReadUInt32LittleEndian(directory.AsSpan(i * 4));
        IndexStreams();
    }

    private void IndexStreams()
    {
        uint count = _directory[0];
        if (count > _directory.Length - 1)
            throw new DumpFormatException($"{_path}: the PDB's directory is too short for its {count} streams");
        _firstBlocks = new int[count];
        long next = 1 + count;
        for (int i = 0; i < _firstBlocks.Length; i++)
        {
            uint size = _directory[1 + i];
            long blocks = size == NilStreamSize ? 0 : CountBlocks(size);
            // A list of blocks that names one block many times could make a small file a large stream.
            if (next + blocks > _directory.Length || (size != NilStreamSize && size > _length))
                throw new DumpFormatException($"{_path}: stream {i} of the PDB ({size} bytes) exceeds the file");
            _firstBlocks[i] = (int)next;
            next += blocks;
        }
    }

    private long CountBlocks(uint bytes) => ((long)bytes + _blockSize - 1) / _blockSize;

    private int ReadFile(long position, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            long chunk = (position + done) / ChunkSize;
            int inChunk = (int)((position + done) % ChunkSize);
            ReadOnlySpan<byte> bytes = Chunk(chunk);
            if (inChunk >= bytes.Length)
                break;
            int count = Math.Min(buffer.Length - done, bytes.Length - inChunk);
            bytes.Slice(inChunk, count).CopyTo(buffer[done..]);
            done += count;
        }

        return done;
    }

    private ReadOnlySpan<byte> Chunk(long number)
    {
        int slot = (int)(number % ChunkSlots);
        byte[] bytes = _chunks[slot] ??= new byte[ChunkSize];
        if (_chunkNumbers[slot] == number)
            return bytes.AsSpan(0, _chunkLengths[slot]);

        _chunkNumbers[slot] = -1;
        long start = number * ChunkSize;
        if (start >= _length)
            return default;
        int length = 0;
        try
        {
            _file.Position = start;
            length = _file.ReadAtLeast(bytes, (int)Math.Min(ChunkSize, _length - start), throwOnEndOfStream: false);
        }
        catch (IOException)
        {
            // A file that fails while it is read (a share that went away) is one whose bytes are absent.
            return default;
        }

        _chunkNumbers[slot] = number;
        _chunkLengths[slot] = length;
        return bytes.AsSpan(0, length);
    }
}
