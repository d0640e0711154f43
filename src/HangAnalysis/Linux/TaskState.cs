using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>The state of a task: its letters as <c>ps</c> and <c>crash</c> print them, and what it means.</summary>
/// <remarks>
/// The bits are macros of include/linux/sched.h and in no type information. They are the same since 4.14; the three that
/// moved
/// then (TASK_DEAD and above) are not looked at.
/// </remarks>
public static class TaskState
{
    /// <summary>PF_WQ_WORKER of include/linux/sched.h: a worker of a workqueue.</summary>
    public const ulong Worker = 0x20;

    /// <summary>PF_KTHREAD: a thread of the kernel.</summary>
    public const ulong KernelThread = 0x0020_0000;

    /// <summary>PF_EXITING: getting shut down.</summary>
    public const ulong Exiting = 0x4;

    private const ulong Interruptible = 0x1;
    private const ulong Uninterruptible = 0x2;
    private const ulong Stopped = 0x4;
    private const ulong Traced = 0x8;
    private const ulong NoLoad = 0x400;
    private const ulong Frozen = 0x8000;
    private const ulong ExitDead = 0x10;
    private const ulong ExitZombie = 0x20;

    /// <summary>Letter as <c>ps</c> prints it: R S D T t Z X I.</summary>
    /// <param name="state">task_struct.__state (<c>state</c> before 5.14).</param>
    /// <param name="exitState">task_struct.exit_state.</param>
    public static char Letter(ulong state, ulong exitState) =>
        (exitState & ExitZombie) != 0 ? 'Z'
        : (exitState & ExitDead) != 0 ? 'X'
        : (state & 0x7f) == 0 && (state & Frozen) == 0 ? 'R'
        : (state & (Uninterruptible | NoLoad)) == (Uninterruptible | NoLoad) ? 'I'
        : (state & Uninterruptible) != 0 ? 'D'
        : (state & Interruptible) != 0 ? 'S'
        : (state & Stopped) != 0 ? 'T'
        : (state & Traced) != 0 ? 't'
        : 'X';

    /// <summary>The two letters that <c>crash</c> prints for a state.</summary>
    /// <param name="state">The letter of <c>ps</c>.</param>
    public static string CrashLetters(string state) => state switch
    {
        "R" => "RU",
        "S" => "IN",
        "D" => "UN",
        "I" => "ID",
        "T" => "ST",
        "t" => "TR",
        "Z" => "ZO",
        "X" => "DE",
        _ => state,
    };

    /// <summary>What a state is called in words.</summary>
    /// <param name="state">The letter of <c>ps</c>.</param>
    public static string Words(string state) => state switch
    {
        "R" => "runnable",
        "S" => "sleeps, a signal wakes it",
        "D" => "uninterruptible",
        "I" => "idle kernel thread",
        "T" => "stopped by a signal",
        "t" => "stopped by its tracer",
        "Z" => "zombie: it has ended, its parent has not asked for it",
        "X" => "dead",
        _ => state,
    };

    /// <summary>Whether a task is stopped by a signal or a debugger: it runs only when that is taken back.</summary>
    public static bool IsStopped(char letter) => letter is 'T' or 't';

    /// <summary>What the letter means.</summary>
    /// <param name="letter">The letter.</param>
    /// <param name="isOnProcessor">Whether the task is on a processor.</param>
    public static ThreadActivity Activity(char letter, bool isOnProcessor) => letter switch
    {
        'Z' or 'X' => ThreadActivity.NotRunnable,
        _ when isOnProcessor => ThreadActivity.Running,
        'R' => ThreadActivity.Ready,
        _ => ThreadActivity.Waiting,
    };

    /// <summary>The kernel's own name of a wait.</summary>
    public static string? WaitReason(char letter) => letter switch
    {
        'D' => "TASK_UNINTERRUPTIBLE",
        'S' => "TASK_INTERRUPTIBLE",
        'I' => "TASK_IDLE",
        'T' => "TASK_STOPPED",
        't' => "TASK_TRACED",
        _ => null,
    };
}
