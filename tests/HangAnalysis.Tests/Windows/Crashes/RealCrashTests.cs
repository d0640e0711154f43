using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.Model;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>
/// Real small dumps: what their bytes support, found by hand with a script that knows nothing of the library, and no more.
/// </summary>
public class RealCrashTests
{
    /// <summary>
    /// A driver of 2024 executes POPCNT on a Core 2 (family 6, CpuStep 170a), which Intel brought with the next generation. Two
    /// dumps of one machine stop at the same place: one bucket.
    /// </summary>
    [TestCase("real-7e_1.dmp")]
    [TestCase("real-7e_2.dmp")]
    public void A_processor_without_popcnt(string file)
    {
        using CommandSession session = Open(file);
        CrashFacts crash = session.Windows.Crash!;

        Assert.Multiple(() =>
        {
            Assert.That((crash.Blame.Cause, crash.Blame.Certainty), Is.EqualTo((CrashCause.ProcessorFeature, Certainty.Proven)));
            Assert.That(crash.Blame.Statement, Does.Contain("popcnt").And.Contain("GenuineIntel family 6 model 17 stepping a"));
            Assert.That(crash.Fault!.Where.Text, Is.EqualTo("nvlddmkm+0x12634e"));
            Assert.That(crash.Fault.Code.Single(c => c.IsFault).Text, Is.EqualTo("popcnt  ebx,eax"));
            Assert.That(crash.Fault.Source.ToString(), Does.Contain("parameter 4"));
            Assert.That(session.Verdict.Confidence, Is.EqualTo(Confidence.High));
        });
    }

    [Test]
    public void Both_are_one_bucket()
    {
        using CommandSession one = Open("real-7e_1.dmp"), two = Open("real-7e_2.dmp");

        Assert.That(Signature(one), Is.EqualTo(Signature(two)));
    }

    /// <summary>
    /// A breakpoint in the filling behind a return, where four breakpoints before it were not hit: nobody ran into it. The machine
    /// had five crashes with four different modules; from this dump alone it is a hint.
    /// </summary>
    [Test]
    public void A_breakpoint_to_which_no_code_leads()
    {
        using CommandSession session = Open("real-1e.dmp");
        CrashFacts crash = session.Windows.Crash!;

        Assert.Multiple(() =>
        {
            Assert.That((crash.Blame.Cause, crash.Blame.Certainty), Is.EqualTo((CrashCause.Hardware, Certainty.Candidate)));
            Assert.That(crash.Blame.Module, Is.Null, "dxgmms2 is innocent");
            Assert.That(crash.Blame.Reason, Does.Contain("4 breakpoints right before it"));
            Assert.That(crash.Fault!.Where.Text, Is.EqualTo("dxgmms2+0x2e68"));
            Assert.That(crash.Fault.Source.ToString(), Does.StartWith("CONTEXT at fffff80311a8b920").And.Contain("found on the stack"));
        });
    }

    /// <summary>
    /// RDX is 0x2000000068: before the instruction 0x68 is added to it, so that it was bit 37 alone, the bit that two other dumps of
    /// the machine have in page table entries. The record, which is no parameter, names the same address.
    /// </summary>
    [Test]
    public void A_null_pointer_with_one_bit()
    {
        using CommandSession session = Open("real-3b_0.dmp");
        CrashFacts crash = session.Windows.Crash!;

        Assert.Multiple(() =>
        {
            Assert.That((crash.Blame.Cause, crash.Blame.Certainty), Is.EqualTo((CrashCause.Hardware, Certainty.Candidate)));
            Assert.That(crash.Blame.Statement, Does.Contain("one wrong bit (37)"));
            Assert.That(crash.Fault!.Accesses.Single().Address, Is.EqualTo(0x2000000068));
            Assert.That(crash.Fault.ReportedAddress, Is.EqualTo(0x2000000068));
            Assert.That(crash.RuledOut.Select(r => r.What), Has.Member("an impossible fault"));
        });
    }

    /// <summary>
    /// The kernel reads through RSI, which a trap frame does not hold: the frame's stale place says ffff818861466d4d and contradicts
    /// the address. The dump has no unwind data: the register is unknown, and nobody is named.
    /// </summary>
    [Test]
    public void A_fault_of_the_kernel_whose_pointer_is_not_in_the_trap_frame()
    {
        using CommandSession session = Open("real-50_0.dmp");
        CrashFacts crash = session.Windows.Crash!;

        Assert.Multiple(() =>
        {
            Assert.That((crash.Blame.Cause, crash.Blame.Module), Is.EqualTo((CrashCause.Unknown, (ModuleFacts?)null)));
            Assert.That(crash.Fault!.Source.ToString(), Does.Contain("trap frame").And.Contain("found on the stack"));
            Assert.That(crash.Fault.Code.Single(c => c.IsFault).Text, Is.EqualTo("mov     rbx,qword ptr [rsi]"));
            Assert.That(crash.Fault.Accesses.Single().Address, Is.Null);
            Assert.That(crash.Fault.UnknownRegisters, Is.EqualTo(["rbx", "rsi", "rdi", "r12", "r13", "r14", "r15"]));
            Assert.That(ForgedFolder.Run(session, "!crashwhy -v"), Does.Not.Contain("ffff818861466d4d"));
            Assert.That(crash.Fault.ReportedAddress, Is.EqualTo(0xfffffa5bd73d3148));
        });
    }

    /// <summary>
    /// A general protection fault in the processor driver of Windows while it starts: the pointer is an address, so that what
    /// refused the access is not recorded. The driver is a part of Windows and wrote what firmware told it to: a candidate.
    /// </summary>
    [Test]
    public void A_general_protection_fault_of_a_part_of_windows()
    {
        using CommandSession session = new(KernelDumpTarget.Open(SharedMaterial.Require("corpus/dumps/triage_x64.dmp"),
            new DumpOpenOptions { SymbolPath = SharedMaterial.Require("corpus/isf") }));
        CrashFacts crash = session.Windows.Crash!;

        Assert.Multiple(() =>
        {
            Assert.That((crash.Blame.Cause, crash.Blame.Certainty), Is.EqualTo((CrashCause.Module, Certainty.Candidate)));
            Assert.That(crash.Blame.Module?.Name, Is.EqualTo("amdppm"));
            Assert.That(crash.Fault!.Where.Text, Is.EqualTo("amdppm+0x334c"));
            Assert.That(crash.Fault.Accesses.Single().Address, Is.EqualTo(0xffff9b000336004c));
            Assert.That(crash.Evidence.Select(e => e.Label), Has.Member("Protection").And.Not.Member("Impossible"));
        });
    }

    [Test]
    public void A_power_button_is_no_crash()
    {
        using CommandSession session = Open("triage_arm64.dmp");

        Assert.That(session.Windows.Crash!.Stop.IsForced);
        Assert.That(session.Verdict.Class, Is.EqualTo(VerdictClass.NotEnoughData));
        Assert.That(ForgedFolder.Run(session, "!crashwhy"), Does.StartWith("FORCED").And.Contain("!hangwhy"));
    }

    private static CommandSession Open(string file) => new(KernelDumpTarget.Open(SharedMaterial.Require($"corpus/dumps/{file}")));

    private static string Signature(CommandSession session) => ForgedFolder.RunJson(session, "!crashwhy")
        .GetProperty("signature").GetProperty("hash").GetString()!;
}
