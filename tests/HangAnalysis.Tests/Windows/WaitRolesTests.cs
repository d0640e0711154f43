using HangAnalysis.Model;
using HangAnalysis.Windows;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows;

/// <summary>Waits of each kind as debuggers print them, and whether such a thread is stuck.</summary>
public class WaitRolesTests
{
    private const string Machinery = "nt!KiSwapContext nt!KiSwapThread nt!KiCommitThreadWait ";

    [TestCase("WrQueue", false, "nt!KeRemoveQueueEx nt!IoRemoveIoCompletion nt!NtWaitForWorkViaWorkerFactory", WaitRole.Idle)]
    [TestCase("WrLpcReceive", false, "nt!KeWaitForSingleObject nt!AlpcpReceiveMessagePort", WaitRole.Idle)]
    [TestCase("WrLpcReply", false, "nt!KeWaitForSingleObject nt!AlpcpSignalAndWait", WaitRole.Blocked)]
    [TestCase("WrUserRequest", false, "nt!KeWaitForSingleObject win32kfull!xxxRealSleepThread win32kfull!NtUserGetMessage", WaitRole.Idle)]
    [TestCase("UserRequest", false, "nt!KeWaitForSingleObject nt!NtWaitForSingleObject nt!KiSystemServiceCopyEnd", WaitRole.Ordinary)]
    [TestCase("Executive", true, "nt!KeWaitForSingleObject TmXPFlt FLTMGR!FltpDispatch nt!IopCloseFile nt!NtClose", WaitRole.Blocked)]
    [TestCase("Executive", true, "nt!KeWaitForSingleObject nt!KeBalanceSetManager nt!PspSystemThreadStartup", WaitRole.Idle)]
    [TestCase("Executive", true, "nt!KeWaitForSingleObject drv!Wait drv!Dequeue drv!Work drv!Thread nt!PspSystemThreadStartup", WaitRole.Idle)]
    [TestCase("Executive", true, "nt!KeWaitForSingleObject drv!Work nt!IopProcessWorkItem nt!ExpWorkerThread nt!PspSystemThreadStartup", WaitRole.Blocked)]
    [TestCase("Executive", true, "nt!KeWaitForSingleObject drv!Ioctl nt!IopXxxControlFile nt!NtDeviceIoControlFile", WaitRole.Parked)]
    [TestCase("WrResource", true, "nt!KeWaitForSingleObject nt!ExpWaitForResource Ntfs!NtfsAcquire nt!PspSystemThreadStartup", WaitRole.Blocked)]
    public void A_wait_is_judged_by_its_reason_and_by_who_waits(string reason, bool kernelMode, string frames, WaitRole expected)
    {
        ThreadFacts thread = new()
        {
            Address = new ThreadAddress(1), Id = 1, Activity = ThreadActivity.Waiting, State = "Waiting", WaitReason = reason,
            WaitsInKernelMode = kernelMode, Process = new ProcessFacts { Address = new ProcessAddress(2), Id = 4, Name = "x" },
        };

        Assert.That(WaitRoles.Classify(thread, (Machinery + frames).Split(' ')), Is.EqualTo(expected));
    }

    /// <summary>Who is asked to end leaves waits of user mode at once, but not an operation of the kernel.</summary>
    [TestCase(true, WaitRole.Blocked)]
    [TestCase(false, WaitRole.Ordinary)]
    public void A_thread_that_is_being_ended_is_kept_by_what_it_does_in_the_kernel(bool kernelMode, WaitRole expected)
    {
        ThreadFacts thread = new()
        {
            Address = new ThreadAddress(1), Id = 1, Activity = ThreadActivity.Waiting, State = "Waiting",
            WaitReason = "Executive", WaitsInKernelMode = kernelMode, IsEnding = true,
            Process = new ProcessFacts { Address = new ProcessAddress(2), Id = 4, Name = "x" },
        };

        Assert.That(WaitRoles.Classify(thread, (Machinery + "drv!Ioctl nt!IopXxxControlFile nt!NtDeviceIoControlFile").Split(' ')),
            Is.EqualTo(expected));
    }
}
