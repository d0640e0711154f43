using System.Text;

namespace HangAnalysis.DumpForge.Images;

/// <summary>
/// Writes the tables that point into each other: debug directory, unwind information, exports, and the function table.
/// The function table has to be written after the read-only data has its final place.
/// </summary>
internal sealed class ImageTables(
    PeImageBuilder image,
    List<(uint Rva, uint Length, FunctionFrame Frame)> functions,
    Dictionary<uint, byte[]> unwind,
    SortedDictionary<string, uint> exports)
{
    /// <summary>
    /// Size of the debug directory's one entry, which the record follows; both begin the read-only data.
    /// </summary>
    public const int DebugDirectorySize = 28;

    private readonly Dictionary<uint, uint> _unwindRvas = [];

    public byte[] ReadOnlyData(uint rva, uint[] directories)
    {
        ByteWriter data = new();
        if (image.PdbName is { } pdb)
        {
            byte[] path = Encoding.UTF8.GetBytes(pdb);
            (directories[12], directories[13]) = (rva, DebugDirectorySize);
            // The last number is the record's place in the file, known once all sections are placed.
            data.U32(0).U32(image.TimeDateStamp).U32(0).U32(2).U32(24 + path.Length + 1)
                .U32(rva + DebugDirectorySize).U32(0);
            data.U32(0x53445352).Bytes(image.PdbGuid.ToByteArray()).U32(image.PdbAge).Text(pdb).Align(8);
        }
        WriteUnwind(data, rva);
        if (exports.Count > 0)
            WriteExports(data, rva, directories);
        return data.ToArray();
    }

    public byte[] FunctionTable(uint rva, uint[] directories)
    {
        ByteWriter table = new();
        foreach ((uint begin, uint length, FunctionFrame frame) in functions)
            if (frame is Arm64Frame arm)
                table.U32(begin).U32(arm.IsPacked(length) ? arm.PackedData(length) : _unwindRvas.GetValueOrDefault(begin));
            else if (!frame.IsLeaf && _unwindRvas.TryGetValue(begin, out uint info))
                table.U32(begin).U32(begin + length).U32(info);
        (directories[6], directories[7]) = (table.Length == 0 ? 0 : rva, (uint)table.Length);
        return table.ToArray();
    }

    private void WriteUnwind(ByteWriter data, uint rva)
    {
        foreach ((uint begin, byte[] info) in unwind)
        {
            data.Align(4);
            _unwindRvas[begin] = rva + (uint)data.Length;
            data.Bytes(info);
        }
        foreach ((uint begin, uint _, FunctionFrame frame) in functions)
        {
            if (frame.ChainedTo is not { } parent)
                continue;
            (uint parentBegin, uint parentLength, FunctionFrame _) = functions.Find(function => function.Rva == parent);
            if (!_unwindRvas.TryGetValue(parent, out uint parentInfo))
                throw new ArgumentException($"{image.Name}: {begin:x} is chained to {parent:x}, without unwind data");
            (byte[] prolog, int[] ends) = FrameEncoder.Prolog(frame);
            data.Align(4);
            _unwindRvas[begin] = rva + (uint)data.Length;
            data.Bytes(FrameEncoder.UnwindInfo(
                frame, ends, prolog.Length, (parentBegin, parentBegin + parentLength, parentInfo)));
        }
        data.Align(4);
    }

    private void WriteExports(ByteWriter data, uint rva, uint[] directories)
    {
        int start = data.Length, count = exports.Count;
        int functionTable = start + 40, nameTable = functionTable + 4 * count, ordinals = nameTable + 4 * count;
        uint at = rva + (uint)(ordinals + 2 * count + 3 & ~3);
        data.U32(0).U32(image.TimeDateStamp).U32(0).U32(at).U32(1).U32(count).U32(count)
            .U32(rva + functionTable).U32(rva + nameTable).U32(rva + ordinals);
        foreach (uint target in exports.Values)
            data.U32(target);
        at += (uint)image.Name.Length + 1;
        foreach (string symbol in exports.Keys)
        {
            data.U32(at);
            at += (uint)symbol.Length + 1;
        }
        for (int i = 0; i < count; i++)
            data.U16(i);
        data.Align(4).Text(image.Name);
        foreach (string symbol in exports.Keys)
            data.Text(symbol);
        (directories[0], directories[1]) = (rva + (uint)start, (uint)(data.Length - start));
    }
}
