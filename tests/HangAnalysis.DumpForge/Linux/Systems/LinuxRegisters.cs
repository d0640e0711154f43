using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>Registers of x86-64 in the order of struct pt_regs and of NT_PRSTATUS.</summary>
internal sealed class LinuxRegisters
{
    public const int Size = 168;
    private const ulong KernelCode = 0x10, KernelStack = 0x18, UserCode = 0x33, UserStack = 0x2b;
    private readonly ulong[] _values = new ulong[21];

    public ulong Bp { get => _values[4]; set => _values[4] = value; }

    public ulong Bx { get => _values[5]; set => _values[5] = value; }

    public ulong Ax { get => _values[10]; set => _values[10] = value; }

    public ulong Cx { get => _values[11]; set => _values[11] = value; }

    public ulong Dx { get => _values[12]; set => _values[12] = value; }

    public ulong Si { get => _values[13]; set => _values[13] = value; }

    public ulong Di { get => _values[14]; set => _values[14] = value; }

    public ulong OriginalAx { get => _values[15]; set => _values[15] = value; }

    public ulong Ip { get => _values[16]; set => _values[16] = value; }

    public ulong Cs { get => _values[17]; set => _values[17] = value; }

    public ulong Flags { get => _values[18]; set => _values[18] = value; }

    public ulong Sp { get => _values[19]; set => _values[19] = value; }

    public ulong Ss { get => _values[20]; set => _values[20] = value; }

    public ReadOnlySpan<ulong> Values => _values;

    /// <summary>Registers in the kernel; no system call.</summary>
    public static LinuxRegisters Kernel() =>
        new() { Cs = KernelCode, Ss = KernelStack, Flags = 0x246, OriginalAx = ulong.MaxValue };

    /// <summary>Registers of a program in a system call.</summary>
    public static LinuxRegisters User(uint systemCall, ulong stack = 0x7ffd4ef0a8e8) => new()
    {
        Cs = UserCode, Ss = UserStack, Flags = 0x246, OriginalAx = systemCall, Ip = 0x7f41c2d0e52d, Sp = stack,
        Ax = unchecked((ulong)-38), Bp = stack + 0x40,
    };

    public void Write(AddressSpace space, ulong at)
    {
        for (int i = 0; i < _values.Length; i++)
            space.WriteUInt64(at + (ulong)i * 8, _values[i]);
    }

    public LinuxRegisters Copy()
    {
        LinuxRegisters copy = new();
        _values.CopyTo(copy._values.AsSpan());
        return copy;
    }
}
