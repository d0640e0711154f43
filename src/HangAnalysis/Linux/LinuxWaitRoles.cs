using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>What the wait of a task means for a hang, by its state and the functions on its stack.</summary>
internal static class LinuxWaitRoles
{
    /// <summary>
    /// From this age on a wait that no signal ends is worth a line by itself. The kernel's own detector speaks at 120 s unless
    /// told otherwise (kernel.hung_task_timeout_secs); healthy disks answer in far less than this.
    /// </summary>
    public static readonly TimeSpan OverdueAge = TimeSpan.FromSeconds(10);

    /// <summary>The role of a waiting task.</summary>
    /// <param name="letter">Its state.</param>
    /// <param name="isKernelThread">Whether it is a thread of the kernel: such sleep until there is work.</param>
    /// <param name="stack">Its stack.</param>
    /// <param name="stacks">Tells the functions of that.</param>
    public static WaitRole Classify(char letter, bool isKernelThread, KernelStack stack, LinuxStacks stacks)
    {
        switch (letter)
        {
            case 'D':
                return WaitRole.Blocked;
            case 'I':
                return WaitRole.Idle;
            case 'S' when isKernelThread || stacks.FindFrame(stack, LinuxFunctions.IsIdle) >= 0:
                return WaitRole.Idle;
            case 'S' or 'T' or 't':
                return WaitRole.Ordinary;
            default:
                return WaitRole.None;
        }
    }
}
