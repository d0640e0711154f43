using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>Kernel stacks of real dumps are those that crash finds with the kernel's debuginfo.</summary>
public class RealStackTests
{
    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void Every_frame_of_a_task_off_cpu_is_that_of_crash(string name)
    {
        RealVmcore core = RealVmcore.Open(name);
        HashSet<ulong> running = core.RunningTasks();
        LinuxStack stack = new();
        int compared = 0;
        foreach (CrashStack expected in core.CrashStacks())
        {
            if (running.Contains(expected.Task))
                continue;
            Walk(core, expected.Task, stack);
            List<(ulong, ulong)> found = [];
            foreach (LinuxFrame frame in stack.Frames)
                if (frame.Kind != LinuxFrameKind.User)
                    found.Add((frame.Slot, frame.InstructionPointer));
            Assert.That(found, Is.EqualTo(expected.Frames.Select(frame => (frame.Slot, frame.Address))), $"PID {expected.Pid}");
            Assert.That(stack.End, Is.EqualTo(LinuxStackEnd.Complete), $"PID {expected.Pid}");
            compared++;
        }
        Assert.That(compared, Is.GreaterThan(50));
    }

    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void Every_frame_has_the_function_name_that_crash_prints(string name)
    {
        RealVmcore core = RealVmcore.Open(name);
        HashSet<ulong> running = core.RunningTasks();
        foreach (CrashStack expected in core.CrashStacks())
            if (!running.Contains(expected.Task))
                foreach (CrashFrame frame in expected.Frames)
                {
                    Assert.That(core.Symbols.TryFindFunction(frame.Address - 1, out LinuxSymbol symbol), $"{frame.Address:x}");
                    if (!frame.Function.StartsWith("_MODULE_INIT_START_", StringComparison.Ordinal))
                        Assert.That(symbol.Name, Is.EqualTo(frame.Function), $"{frame.Address:x}");
                }
    }

    private static void Walk(RealVmcore core, ulong task, LinuxStack stack)
    {
        Btf types = core.Symbols.Types;
        Assert.That(core.Memory.TryReadUInt64(task + (ulong)types.OffsetOf("task_struct", "thread.sp")!, out ulong sp));
        Assert.That(core.Memory.TryReadUInt64(task + (ulong)types.OffsetOf("task_struct", "stack")!, out ulong bottom));
        core.Symbols.Unwinder.WalkSleeping(sp, bottom, stack);
    }
}
