using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>Writes the stacks of a thread so that unwinding gives its frames: what all architectures have in common.</summary>
internal abstract class StackWriter(SystemBuilder system, ThreadBuilder thread)
{
    // A page without memory lies below a stack.
    private const int Guard = 0x1000;

    protected SystemBuilder System { get; } = system;

    protected ThreadBuilder Thread { get; } = thread;

    protected List<ulong> Pointers { get; } = [];

    public IReadOnlyList<ulong> StackPointers => Pointers;

    public ulong StackBase { get; protected set; }

    public ulong StackLimit { get; protected set; }

    public ulong Teb { get; private set; }

    /// <summary>Frame pointer in the first frame.</summary>
    public ulong FramePointer { get; protected set; }

    /// <summary>Frame pointer in each frame, where frames are found by it.</summary>
    public List<ulong> FramePointers { get; } = [];

    public static StackWriter For(SystemBuilder system, ThreadBuilder thread) => system.Layout.Architecture switch
    {
        Architecture.X86 => new X86StackWriter(system, thread),
        Architecture.Arm64 => new Arm64StackWriter(system, thread),
        _ => new X64StackWriter(system, thread),
    };

    public abstract void Write(bool isAbsent);

    internal static ulong TakeStack(SystemBuilder system) =>
        system.Stacks.Take(StackSize(system) + Guard, 0x1000) + Guard;

    // Size of a kernel stack: 24 KB, on x86 12 KB (documentation of kernel stacks).
    protected static int StackSize(SystemBuilder system) => system.Layout.PointerSize == 8 ? 0x6000 : 0x3000;

    protected static int SizeOf(ReadOnlySpan<StackFrame> frames)
    {
        int size = 0;
        foreach (StackFrame frame in frames)
            size += frame.Extent + frame.Arguments;
        return size;
    }

    protected void PlaceStack()
    {
        StackLimit = Thread.ReservedStack != 0 ? Thread.ReservedStack : TakeStack(System);
        StackBase = StackLimit + (ulong)StackSize(System);
    }

    protected void PlaceTeb()
    {
        if (!Thread.Process.IsSystem)
            Teb = Thread.GivenTeb != 0 ? Thread.GivenTeb : Thread.Process.TakeUser(0x2000);
        Thread.Struct.Set("Tcb.Teb", Teb);
    }

    protected void WriteTeb(ulong stackBase, ulong limit)
    {
        void Set(string path, ulong value) =>
            System.Writer.TrySet(Teb, "_TEB", path, value, Thread.Process.Space);
        Set("NtTib.StackBase", stackBase);
        Set("NtTib.StackLimit", limit);
        Set("NtTib.Self", Teb);
        Set("ClientId.UniqueProcess", Thread.Process.Pid);
        Set("ClientId.UniqueThread", Thread.Tid);
        Set("ProcessEnvironmentBlock", Thread.Process.Peb);
        if (Thread.ApartmentFlags == 0)
            return;
        // SOleTlsData of combase: two pointers, the apartment's number, and its flags behind it.
        ulong ole = Thread.Process.TakeUser(0x100), number = ole + (ulong)(2 * System.Layout.PointerSize);
        Thread.Process.Space.WriteUInt32(number, Thread.Tid);
        Thread.Process.Space.WriteUInt32(number + 4, Thread.ApartmentFlags);
        Set("ReservedForOle", ole);
    }
}
