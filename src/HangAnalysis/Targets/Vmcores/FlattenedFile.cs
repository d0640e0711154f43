using System.Buffers.Binary;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>A flattened file, read in place: bytes of another file, packed as records that say where they belong.</summary>
/// <remarks>
/// makedumpfile's struct makedumpfile_header and makedumpfile_data_header, big-endian: 4,096 bytes that begin with
/// "makedumpfile", type 1 and version 1; then records of offset, size and data; offset -1 ends them, and what comes behind
/// is not read. Later records replace earlier ones (the headers are written twice). What no record writes is zero, as in
/// the file that makedumpfile -R makes.
/// </remarks>
internal sealed class FlattenedFile : IFileBytes
{
    private const int HeaderSize = 4096;
    private const int RecordHeaderSize = 16;

    private readonly IFileBytes _file;
    private readonly ExtentMap _records;

    private FlattenedFile(IFileBytes file, ExtentMap records) => (_file, _records) = (file, records);

    /// <inheritdoc/>
    public long Length => _records.End;

    /// <summary>Reads the index of the records; throws <see cref="DumpFormatException"/> where there is none.</summary>
    public static FlattenedFile Open(IFileBytes file, string path, VmcoreDamage damage)
    {
        Span<byte> header = stackalloc byte[RecordHeaderSize];
        if (file.Read(16, header) < header.Length || BinaryPrimitives.ReadInt64BigEndian(header) != 1
            || BinaryPrimitives.ReadInt64BigEndian(header[8..]) != 1)
            throw new DumpFormatException($"{path}: a flattened file whose header is not of type 1, version 1");
        List<Extent> records = ReadRecords(file, path, damage);
        return records.Count == 0
            ? throw new DumpFormatException($"{path}: a flattened file without a record")
            : new FlattenedFile(file, new ExtentMap(records));
    }

    /// <inheritdoc/>
    public int Read(long offset, Span<byte> buffer)
    {
        int done = 0;
        while (offset >= 0 && done < buffer.Length && offset < Length)
        {
            Extent record = _records.Find(offset);
            if (record.Size == 0)
            {
                int gap = (int)Math.Min(record.Start - offset, buffer.Length - done);
                buffer.Slice(done, gap).Clear();
                done += gap;
                offset += gap;
                continue;
            }
            int count = (int)Math.Min(record.End - offset, buffer.Length - done);
            int read = _file.Read(record.Position + (offset - record.Start), buffer.Slice(done, count));
            done += read;
            offset += read;
            if (read < count)
                break;
        }
        return done;
    }

    private static List<Extent> ReadRecords(IFileBytes file, string path, VmcoreDamage damage)
    {
        List<Extent> records = [];
        Span<byte> header = stackalloc byte[RecordHeaderSize];
        long position = HeaderSize;
        for (long count = 0; ; count++)
        {
            if (file.Read(position, header) < header.Length)
            {
                damage.Add($"the flattened file is cut: it ends at 0x{file.Length:x} without its end record");
                return records;
            }
            long offset = BinaryPrimitives.ReadInt64BigEndian(header);
            long size = BinaryPrimitives.ReadInt64BigEndian(header[8..]);
            if (offset == -1)
                return records;
            if (offset < 0 || size < 0 || size > long.MaxValue / 4 || offset > long.MaxValue / 4)
            {
                damage.Add($"the flattened file is damaged: its record at 0x{position:x} cannot be");
                return records;
            }
            if (count == VmcoreLimits.FlattenedRecords)
                throw new DumpFormatException($"{path}: more than {VmcoreLimits.FlattenedRecords:N0} records in a flattened "
                    + $"file; make a plain one: makedumpfile -R vmcore < {path}");
            position += RecordHeaderSize;
            if (size > 0)
                records.Add(new Extent(offset, size, position));
            position += size;
        }
    }
}
