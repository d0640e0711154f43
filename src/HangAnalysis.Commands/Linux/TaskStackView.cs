using HangAnalysis.Linux;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Commands.Linux;

/// <summary>One line or block of a task's stack.</summary>
/// <param name="Number">Number of the frame as crash counts: only frames that are returned to; -1 for registers.</param>
/// <param name="Slot">Where its return address lies; of registers 0.</param>
/// <param name="Frame">The frame; null for the user program.</param>
/// <param name="Registers">The registers with which it was interrupted.</param>
/// <param name="LeftStack">
/// The stack that is left before this line, such as <c>IRQ stack</c>; null where it stays the same.
/// </param>
internal sealed record TaskStackLine(int Number, ulong Slot, FrameFacts? Frame, LinuxRegisters? Registers,
    string? LeftStack);

/// <summary>A task's stack in the order and numbering of <c>crash bt</c>.</summary>
/// <remarks>
/// crash numbers what is returned to, and names an interrupted function with its registers, as <c>[exception RIP: …]</c>.
/// </remarks>
internal sealed class TaskStackView
{
    private static readonly string[] s_ownStacks = ["double_fault", "machine_check", "vmm_communication", "exc_debug"];

    public TaskStackView(LinuxSystem system, ThreadFacts thread)
    {
        KernelStack stack = system.GetKernelStack(thread);
        EndNote = stack.EndNote;
        List<TaskStackLine> lines = [];
        VmcoreProcessor? processor = system.GetRegisters(thread);
        int number = 0;
        bool isElsewhere = false;
        string elsewhere = "IRQ stack";
        foreach (LinuxFrame frame in stack.Frames)
        {
            PtRegs? saved = frame.RegistersIndex >= 0 ? stack.Registers[frame.RegistersIndex] : null;
            if (frame.Kind == LinuxFrameKind.User)
            {
                User = saved is { } own ? LinuxRegisters.Of(own) : processor is null ? null : LinuxRegisters.Of(processor);
                SystemCall = lines.Count > 0 && lines[^1].Frame?.Symbol is { } entry ? CallOf(entry, User) : null;
                lines.Add(new TaskStackLine(-1, 0, null, User, null));
                continue;
            }
            FrameFacts named = system.NameFrame(frame);
            if (frame.IsInterrupted)
            {
                lines.Add(new TaskStackLine(-1, 0, named, saved is { } registers ? LinuxRegisters.Of(registers)
                    : lines.Count == 0 && processor is not null ? LinuxRegisters.Of(processor) : null, null));
                continue;
            }
            bool isOwn = frame.Slot >= thread.StackLimit && frame.Slot < thread.StackBase;
            lines.Add(new TaskStackLine(number++, frame.Slot, named, null, isOwn && isElsewhere ? elsewhere : null));
            isElsewhere = !isOwn;
            if (isElsewhere && named.Symbol is { } function)
                elsewhere = StackOf(function) ?? elsewhere;
        }
        Lines = lines;
    }

    /// <summary>The lines, the innermost first.</summary>
    public IReadOnlyList<TaskStackLine> Lines { get; }

    /// <summary>Why the stack is missing or cut; null where it is whole.</summary>
    public string? EndNote { get; }

    /// <summary>The registers of the program that entered the kernel; null where there is none.</summary>
    public LinuxRegisters? User { get; }

    /// <summary>The system call that the program made: its number, and its name where it has one.</summary>
    public (ulong Number, string? Name)? SystemCall { get; }

    private static (ulong, string?)? CallOf(string entry, LinuxRegisters? user)
    {
        const ulong MostCalls = 0x8000_0000;
        // Interrupts set orig_ax to -1; programs of 32 bits enter elsewhere, and their numbers are others.
        return user?.OriginalAx is { } number && number < MostCalls
            && entry.StartsWith("entry_SYSCALL_64", StringComparison.Ordinal)
            ? (number, SystemCalls.NameOf(number)) : null;
    }

    private static string? StackOf(string function)
    {
        if (function.Contains("nmi", StringComparison.Ordinal))
            return "NMI exception stack";
        foreach (string name in s_ownStacks)
            if (function.Contains(name, StringComparison.Ordinal))
                return "exception stack";
        return null;
    }
}
