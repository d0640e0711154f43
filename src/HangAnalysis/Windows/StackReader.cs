using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;
using HangAnalysis.Targets.Unwinding.Arm64;

namespace HangAnalysis.Windows;

/// <summary>A thread's frames as addresses, and why they end.</summary>
/// <param name="Frames">The frames, innermost first.</param>
/// <param name="EndNote">Why the stack is missing or cut; null where it is whole.</param>
internal sealed record RawStack(RawFrame[] Frames, string? EndNote)
{
    /// <summary>Index of the first user-mode frame; the number of frames where there is none.</summary>
    public int FirstUserFrame { get; init; } = Frames.Length;

    /// <summary>
    /// The registers with which the thread left user mode, as far as unwinding has restored them; null where that was not
    /// reached.
    /// </summary>
    public CpuContext? UserContext { get; init; }

    /// <summary>Whether the process's images were found; without them user frames have no names.</summary>
    public bool HasUserModules { get; init; }
}

/// <summary>Walks threads' stacks without a debugger's help: no context is switched, a stack is one read.</summary>
/// <remarks>
/// A waiting thread's registers were saved by the context switch: KTHREAD.KernelStack points at a switch frame of 0x40
/// bytes with RBP at +30 and the return address into KiSwapContext at +38 (ReactOS ctxswitch.S; published Child-SP
/// differences agree; the debugger engine does the same). Registers that only KiSwapContext saves are restored by its own
/// unwind data.
/// </remarks>
internal sealed class StackReader
{
    private const int SwitchFrameSize = 0x40;
    private const int SwitchFrameRbp = 0x30;
    private const int SwitchFrameReturn = 0x38;
    private const ulong TrapFrameRip = 0x168;
    private const ulong TrapFrameRsp = 0x180;
    private const ulong TrapFrameRbp = 0x158;
    private const ulong TrapFrameEip = 0x68;
    private const ulong TrapFrameEsp = 0x74;
    private const ulong TrapFrameEbp = 0x60;

    private const ulong PageSize = 0x1000;

    /// <summary>Bytes of a stack that are looked at where its thread, and so its end, is not known.</summary>
    private const ulong UnknownStackBytes = 0x2000;

    private readonly KernelSession _session;
    private readonly ModuleIndex _kernelModules;
    private readonly UserModules _userModules;
    private readonly BufferedStack _buffer, _userBuffer;
    private readonly RawFrame[] _frames = new RawFrame[Limits.Frames];
    private readonly ulong _trapIp, _trapSp, _trapFp;
    private readonly bool _isArm64;

    public StackReader(KernelSession session, ModuleIndex kernelModules, UserModules userModules)
    {
        _session = session;
        _kernelModules = kernelModules;
        _userModules = userModules;
        _buffer = new BufferedStack(session.Memory);
        _userBuffer = new BufferedStack(session.Memory);
        StructLayout trap = session.Types.Get("_KTRAP_FRAME");
        _isArm64 = session.Target.Description.Architecture == Architecture.Arm64;
        if (_isArm64)
        {
            (FieldSlot sp, FieldSlot pc, FieldSlot lr, FieldSlot fp) =
                (trap.Optional("Sp"), trap.Optional("Pc"), trap.Optional("Lr"), trap.Optional("Fp"));
            if (sp.IsPresent && pc.IsPresent && lr.IsPresent && fp.IsPresent)
                kernelModules.Arm64TrapFrame = new Arm64TrapFrame(sp.Offset, pc.Offset, lr.Offset, fp.Offset);
        }
        bool is32Bit = session.Is32Bit;
        _trapIp = Offset(trap.Optional(is32Bit ? "Eip" : "Rip"), is32Bit ? TrapFrameEip : TrapFrameRip);
        _trapSp = Offset(trap.Optional(is32Bit ? "HardwareEsp" : "Rsp"), is32Bit ? TrapFrameEsp : TrapFrameRsp);
        _trapFp = Offset(trap.Optional(is32Bit ? "Ebp" : "Rbp"), is32Bit ? TrapFrameEbp : TrapFrameRbp);
    }

    /// <summary>Walks the kernel stack of a thread that is not on a processor.</summary>
    public RawStack WalkKernel(ThreadFacts thread)
    {
        if (thread.State == "Terminated")
            return Missing("the thread has ended");
        if (thread.Activity == ThreadActivity.NotRunnable)
            return Missing("the thread has not started");
        if (!thread.StackResident)
            return Missing("the kernel stack is paged out");
        int frameSize = _session.Is32Bit ? SwitchFrame32.Size : SwitchFrameSize;
        if (thread.KernelStack < thread.StackLimit || thread.KernelStack + (ulong)frameSize > thread.StackBase
            || !_session.IsObject(thread.KernelStack))
            return Missing($"the saved stack pointer {thread.KernelStack:x16} lies outside the stack");
        _buffer.Load(thread.KernelStack, thread.StackBase);
        if (_session.Is32Bit)
            return SwitchFrame32.TryRead(_buffer, thread.KernelStack, _kernelModules, out CpuContext start, out RawFrame? inner)
                ? WalkKernel(start, thread, thread.StackBase, inner)
                : Missing("the kernel stack is not in the dump, or its switch frame leads into no module");
        if (_isArm64)
            return SwitchStateArm64.TryRead(_session.Memory, thread.Address.Value, thread.KernelStack, thread.StackBase,
                _kernelModules, out CpuContext saved)
                ? WalkKernel(saved, thread, thread.StackBase)
                : Missing("the thread's saved registers are not in the dump, or lead into no code of the kernel");
        CpuContext context = default;
        if (!_buffer.TryReadPointer(thread.KernelStack + SwitchFrameReturn, out ulong rip)
            || !_buffer.TryReadPointer(thread.KernelStack + SwitchFrameRbp, out ulong rbp))
            return Missing("the kernel stack is not in the dump");
        context.InstructionPointer = rip;
        context.StackPointer = thread.KernelStack + SwitchFrameSize;
        context.Registers[CpuContext.Rbp] = rbp;
        if (_kernelModules.FindModule(rip) is null)
            return Missing($"the saved return address {rip:x16} lies in no module");
        return WalkKernel(context, thread, thread.StackBase);
    }

    /// <summary>Walks from given registers: those of a processor, or of a crash.</summary>
    public RawStack Walk(in CpuContext start, ThreadFacts? thread, bool withUserFrames)
    {
        ulong low = start.StackPointer;
        ulong high = thread is not null && low - thread.StackLimit < thread.StackBase - thread.StackLimit
            ? thread.StackBase
            : low + UnknownStackBytes;
        _buffer.Load(low, high);
        RawStack kernel = WalkKernel(start, thread, high);
        return withUserFrames && thread is not null ? AddUserFrames(kernel, thread) : kernel;
    }

    /// <summary>A kernel stack with the frames of the program that called, as far as there is one.</summary>
    public RawStack AddUserFrames(RawStack kernel, ThreadFacts thread)
    {
        if (kernel.UserContext is not { } user)
            return kernel;
        ReadOnlySpan<RawFrame> frames = WalkOn(kernel, thread, out string? note, out bool hasModules);
        return new RawStack(frames.ToArray(), note)
        {
            FirstUserFrame = kernel.Frames.Length,
            UserContext = user,
            HasUserModules = hasModules,
        };
    }

    /// <summary>The same frames without a copy: they are good until the next walk.</summary>
    public ReadOnlySpan<RawFrame> WalkOn(RawStack kernel, ThreadFacts thread, out string? note, out bool hasModules)
    {
        note = kernel.EndNote;
        hasModules = false;
        if (kernel.UserContext is not { } user)
            return kernel.Frames;
        int count = kernel.Frames.Length;
        kernel.Frames.CopyTo(_frames, 0);
        (ModuleIndex modules, IMemory memory) = _userModules.Get(thread.Process);
        hasModules = modules.Count > 0;
        // To the end of its page in one read: a program's frames are small, and the next page may not be there.
        _userBuffer.Load(memory, user.StackPointer, (user.StackPointer | (PageSize - 1)) + 1);
        int userCount = StackWalker.Walk(user, _userBuffer, modules, _frames.AsSpan(count), out WalkEnd userEnd);
        note = hasModules ? Describe(userEnd) : "the process's module list is not in the dump";
        return _frames.AsSpan(0, count + userCount);
    }

    /// <summary>
    /// Unwinds from registers to the frame that stands where others do, and gives the registers there; null where unwind data
    /// alone do not lead there.
    /// </summary>
    public CpuContext? UnwindTo(in CpuContext start, in CpuContext place)
    {
        CpuContext context = start;
        bool isFirst = true;
        for (int i = 0; i < Limits.Frames; i++)
        {
            UnwindStep step = X64Unwinder.Step(ref context, _session.Memory, _kernelModules, isFirst);
            if (step is not (UnwindStep.Frame or UnwindStep.MachineFrame))
                return null;
            isFirst = step == UnwindStep.MachineFrame;
            if (isFirst && context.InstructionPointer == place.InstructionPointer && context.StackPointer == place.StackPointer)
                return context;
        }
        return null;
    }

    /// <summary>
    /// The trap frame nearest to registers by unwind data alone; 0 where they do not lead to one. The function that makes it has
    /// its stack pointer at the frame's start.
    /// </summary>
    public ulong FindTrap(in CpuContext start)
    {
        CpuContext context = start;
        for (int i = 0; i < Limits.Frames; i++)
        {
            ulong pointer = context.StackPointer;
            UnwindStep step = X64Unwinder.Step(ref context, _session.Memory, _kernelModules, isFirstFrame: i == 0);
            // A jump to address 0 reads as the end of the stack.
            if (step is UnwindStep.MachineFrame or UnwindStep.End)
                return pointer;
            if (step != UnwindStep.Frame)
                return 0;
        }
        return 0;
    }

    private RawStack WalkKernel(in CpuContext start, ThreadFacts? thread, ulong stackEnd, RawFrame? inner = null)
    {
        int count = 0;
        CpuContext user = start;
        if (start.InstructionPointer > _session.HighestUserAddress)
        {
            if (inner is { } frame)
                _frames[count++] = frame;
            count += StackWalker.Walk(start, _buffer, _kernelModules, stackEnd, _frames.AsSpan(count), out WalkEnd end);
            if (end.Reason == WalkEndReason.UserModeReached)
                user = end.Context;
            else if (!TryUseTrapFrame(end, thread, out user))
                return new RawStack(_frames.AsSpan(0, count).ToArray(), Describe(end));
        }
        return new RawStack(_frames.AsSpan(0, count).ToArray(), null) { UserContext = user };
    }

    /// <summary>
    /// Where a system call's frame could not be crossed by its unwind data, the thread's trap frame still tells where the
    /// program called: KTHREAD.TrapFrame.
    /// </summary>
    private bool TryUseTrapFrame(in WalkEnd end, ThreadFacts? thread, out CpuContext context)
    {
        context = new CpuContext { Architecture = _session.Target.Description.Architecture };
        // Where a trap frame of ARM64 keeps them is known by symbols alone, and the unwinder has then crossed it.
        if (_isArm64 || thread is null || thread.TrapFrame == 0 || thread.IsSystemThread
            || end.Reason is not (WalkEndReason.BadFrame or WalkEndReason.UnreadableStack or WalkEndReason.End)
            || !_session.Memory.TryReadPointer(thread.TrapFrame + _trapIp, out ulong rip)
            || !_session.Memory.TryReadPointer(thread.TrapFrame + _trapSp, out ulong rsp)
            || !_session.Memory.TryReadPointer(thread.TrapFrame + _trapFp, out ulong rbp)
            || rip == 0 || rip > _session.HighestUserAddress || rsp == 0 || rsp > _session.HighestUserAddress)
            return false;
        context.InstructionPointer = rip;
        context.StackPointer = rsp;
        context.Registers[CpuContext.Rbp] = rbp;
        return true;
    }

    private static ulong Offset(FieldSlot slot, ulong usual) => slot.IsPresent ? (ulong)slot.Offset : usual;

    private static RawStack Missing(string why) => new([], why);

    private static string? Describe(in WalkEnd end) => end.Reason switch
    {
        WalkEndReason.End or WalkEndReason.UserModeReached => null,
        WalkEndReason.FrameLimit => $"more than {Limits.Frames} frames",
        WalkEndReason.UnreadableStack => $"the stack at {end.Address:x16} is not in the dump",
        WalkEndReason.NoUnwindData => $"no unwind data for {end.Address:x16}",
        _ => $"the frame at {end.Address:x16} cannot be unwound",
    };
}
