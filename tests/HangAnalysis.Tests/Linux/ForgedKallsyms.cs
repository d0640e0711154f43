using System.Text;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Tests.Linux;

/// <summary>
/// Writes kallsyms as scripts/kallsyms.c does from 4.6 to 6.1: offsets, base, number, names, markers, tokens, their index,
/// each at a multiple of eight. Letters, digits and the word "mutex" are tokens.
/// </summary>
/// <param name="origin">kallsyms_relative_base.</param>
/// <param name="absolutePerCpu">Whether CONFIG_KALLSYMS_ABSOLUTE_PERCPU is set.</param>
internal sealed class ForgedKallsyms(ulong origin, bool absolutePerCpu)
{
    private const byte MutexToken = 200;

    private readonly List<(ulong Address, char Type, string Name)> _symbols = [];

    public ForgedKallsyms Add(ulong address, char type, string name)
    {
        _symbols.Add((address, type, name));
        return this;
    }

    /// <summary>Writes the tables from <paramref name="address"/> on; VMCOREINFO with or without their addresses.</summary>
    public VmcoreInfo Write(
        SparseMemory memory, ulong address, bool named = true, uint? count = null, bool wideMarkers = false)
    {
        StringBuilder info = new();
        ulong At(string name)
        {
            if (named)
                info.Append($"SYMBOL({name})={address:x}\n");
            return address;
        }
        void Put(string name, List<byte> bytes)
        {
            memory.Put(At(name), bytes.ToArray());
            for (address += (ulong)bytes.Count; address % 8 != 0; address++)
                memory.Put(address, 0);
        }
        List<byte> offsets = [];
        List<byte> names = [];
        List<byte> markers = [];
        for (int i = 0; i < _symbols.Count; i++)
        {
            if (i % 256 == 0)
                markers.AddRange(BitConverter.GetBytes((long)names.Count).AsSpan(0, wideMarkers ? 8 : 4));
            offsets.AddRange(BitConverter.GetBytes(OffsetOf(_symbols[i].Address)));
            byte[] packed = Pack(_symbols[i].Type + _symbols[i].Name);
            if (packed.Length > 127)
                names.AddRange([(byte)(packed.Length & 0x7f | 0x80), (byte)(packed.Length >> 7)]);
            else
                names.Add((byte)packed.Length);
            names.AddRange(packed);
        }
        List<byte> tokens = [];
        List<byte> index = [];
        for (int token = 0; token < 256; token++)
        {
            index.AddRange(BitConverter.GetBytes((ushort)tokens.Count));
            tokens.AddRange(token == MutexToken ? "mutex"u8 : [(byte)Math.Max(1, token)]);
            tokens.Add(0);
        }
        Put("kallsyms_offsets", offsets);
        Put("kallsyms_relative_base", [.. BitConverter.GetBytes(origin)]);
        Put("kallsyms_num_syms", [.. BitConverter.GetBytes(count ?? (uint)_symbols.Count)]);
        Put("kallsyms_names", names);
        Put("kallsyms_markers", markers);
        Put("kallsyms_token_table", tokens);
        Put("kallsyms_token_index", index);
        foreach ((ulong symbol, _, string name) in _symbols)
            if (name is "_stext" or "init_uts_ns")
                info.Append($"SYMBOL({name})={symbol:x}\n");
        return VmcoreInfo.Parse(Encoding.UTF8.GetBytes(info.ToString()));
    }

    private int OffsetOf(ulong address)
    {
        if (!absolutePerCpu)
            return (int)(uint)(address - origin);
        return address < origin ? (int)address : (int)(long)(origin - 1 - address);
    }

    private static byte[] Pack(string text) =>
        [.. Encoding.Latin1.GetBytes(text.Replace("mutex", "\u00c8", StringComparison.Ordinal))];
}
