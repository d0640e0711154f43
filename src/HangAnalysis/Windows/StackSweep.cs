using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Windows;

/// <summary>Walks each thread's stack once and tells from it what the thread's wait means.</summary>
/// <remarks>
/// Thousands of threads share a few hundred stacks. The frames are compared as addresses and named once for each
/// distinct stack; threads whose wait reason already decides are not walked at all until somebody asks for their stack.
/// </remarks>
internal sealed class StackSweep(StackReader reader, FrameNames names)
{
    private readonly Dictionary<ulong, RawStack> _kernelStacks = [];
    private readonly Dictionary<ulong, StackFacts> _named = [];
    private int _keptFrames;
    private readonly DistinctStacks _distinct = new();
    private readonly Dictionary<ulong, (RawStack Stack, string[] Functions)> _shapes = [];

    /// <summary>The function that called the waiting machinery, such as <c>nt!IopSynchronousServiceTail</c>; null where unknown.</summary>
    public string? WaitCaller(ThreadFacts thread)
    {
        foreach (string function in Functions(thread))
            if (!FrameKnowledge.IsWaitPrimitive(function))
                return function;
        return null;
    }

    /// <summary>The same, with the reason where it is unknown.</summary>
    public (string? Function, string? Why) FindWaitCaller(ThreadFacts thread) => WaitCaller(thread) is { } function
        ? (function, null)
        : (null, KernelStack(thread).EndNote ?? "the kernel stack holds nothing but waiting functions");

    /// <summary>Whether a kernel frame of a thread is of a function, or of one whose name begins so.</summary>
    public bool HasFrame(ThreadFacts thread, IReadOnlyList<string> functions)
    {
        foreach (string frame in Functions(thread))
            for (int i = 0; i < functions.Count; i++)
                if (frame.StartsWith(functions[i], StringComparison.Ordinal))
                    return true;
        return false;
    }

    /// <summary>Sets the role of a waiting thread.</summary>
    public void SetRole(ThreadFacts thread)
    {
        thread.Role = WaitRoles.Classify(thread, []);
        bool decidedByReason = thread.Role is WaitRole.None or WaitRole.Idle or WaitRole.Blocked;
        if (!decidedByReason)
            thread.Role = WaitRoles.Classify(thread, Functions(thread));
    }

    /// <summary>The kernel and user frames of a thread, with names.</summary>
    public StackFacts GetStack(ThreadFacts thread)
    {
        if (!_named.TryGetValue(thread.Address.Value, out StackFacts? stack))
            _named[thread.Address.Value] = stack = names.Name(GetRawStack(thread), thread);
        return stack;
    }

    /// <summary>The kernel and user frames of a thread as addresses; nothing is named, and of user frames nothing is kept.</summary>
    public RawStack GetRawStack(ThreadFacts thread) => reader.AddUserFrames(KernelStack(thread), thread);

    /// <summary>The function at an address in one module of a process; null where it is in another or has no name.</summary>
    public string? UserFunction(ProcessFacts process, ulong address, string moduleName) =>
        names.UserFunction(process, address, moduleName);

    /// <summary>The address space of a process.</summary>
    public IMemory UserMemory(ProcessFacts process) => names.UserMemory(process);

    /// <summary>The instruction pointers of those frames; threads with one stack have one object.</summary>
    public DistinctStack GetDistinctStack(ThreadFacts thread)
    {
        if (_distinct.TryFind(thread.Address, out DistinctStack? stack))
            return stack;
        ReadOnlySpan<RawFrame> frames = reader.WalkOn(KernelStack(thread), thread, out string? note, out _);
        return _distinct.Keep(thread.Address, frames, note);
    }

    private RawStack KernelStack(ThreadFacts thread)
    {
        if (_kernelStacks.TryGetValue(thread.Address.Value, out RawStack? stack))
            return stack;
        stack = reader.WalkKernel(thread);
        if (_keptFrames + stack.Frames.Length <= Limits.KeptFrames)
        {
            _keptFrames += stack.Frames.Length;
            _kernelStacks.Add(thread.Address.Value, stack);
        }
        return stack;
    }

    /// <summary>The kernel's functions on a thread's stack, innermost first, such as <c>nt!KiSwapContext</c>.</summary>
    public IReadOnlyList<string> Functions(ThreadFacts thread)
    {
        RawStack stack = KernelStack(thread);
        ulong hash = Hash(stack);
        if (_shapes.TryGetValue(hash, out (RawStack Stack, string[] Functions) shape) && SameFrames(shape.Stack, stack))
            return shape.Functions;
        string[] functions = new string[stack.FirstUserFrame];
        for (int i = 0; i < functions.Length; i++)
            functions[i] = names.KernelFunction(stack.Frames[i].InstructionPointer);
        _shapes[hash] = (stack, functions);
        return functions;
    }

    /// <summary>FNV-1a over the instruction pointers.</summary>
    private static ulong Hash(RawStack stack)
    {
        ulong hash = 0xcbf29ce484222325;
        for (int i = 0; i < stack.FirstUserFrame; i++)
            hash = (hash ^ stack.Frames[i].InstructionPointer) * 0x100000001b3;
        return hash;
    }

    private static bool SameFrames(RawStack a, RawStack b)
    {
        if (a.FirstUserFrame != b.FirstUserFrame)
            return false;
        for (int i = 0; i < a.FirstUserFrame; i++)
            if (a.Frames[i].InstructionPointer != b.Frames[i].InstructionPointer)
                return false;
        return true;
    }
}
