using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>
/// Crashes whose cause is known because they were made: the instruction's bytes, its registers and the record of the fault are in
/// the dump as Windows leaves them. What is to be found is the forge's own truth; the matrix tries every scenario.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public class ForgedCrashTests
{
    /// <summary>Asserts what was made; gives the cause.</summary>
    internal static string Check(string name, string version, DumpKind kind)
    {
        SystemBuilder system = ScenarioSet.Build(name, KernelLayout.BuiltIn(version));
        using ForgedFolder forged = new(system, kind);
        using CommandSession session = forged.Open();
        CrashTruth truth = system.Truth.Crash!;

        CrashFacts crash = session.Windows.Crash!;
        string all = ForgedFolder.Run(session, "!crashwhy -v");

        Assert.Multiple(() =>
        {
            Assert.That(Word(crash.Blame.Cause), Is.EqualTo(truth.Cause), all);
            Assert.That(crash.Blame.Module?.FileName, Is.EqualTo(truth.Module), all);
            Assert.That(crash.Fault?.Where.InstructionPointer, Is.EqualTo(truth.Instruction), all);
            if (truth.Address is { } address)
                Assert.That(crash.Fault?.Accesses.Select(a => a.Address), Has.Member(address), all);
            Assert.That(session.Windows.Session.Types.Missing, Is.Empty);
            Assert.That(crash.Parameters.Select(p => p.Name), Has.None.Null.And.None.Empty, all);
        });
        // A guess may be right; what is called proven has to be.
        Assert.That(crash.Blame.Certainty, Is.EqualTo(CertaintyOf(name)), all);
        Verdict verdict = session.Verdict;
        Assert.That((verdict.Class, verdict.Summary), Is.EqualTo((VerdictClass.Crash, crash.Blame.Statement)));
        Assert.That(all.Split('\n').Max(l => l.Length), Is.LessThanOrEqualTo(120));
        return truth.Cause;
    }

    [Test]
    public void Registers_that_a_trap_frame_does_not_hold_come_from_unwinding_and_not_from_the_frame()
    {
        using ForgedFolder forged = new("crash-d1-freed", "10.0.14393", DumpKind.Full);
        using CommandSession session = forged.Open();

        CrashFault fault = session.Windows.Crash!.Fault!;

        // The forge's pointer; the frame's own place for RSI holds another value.
        Assert.That(fault.Registers, Has.Member(("rsi", 0xffffab06b7770040UL)));
        Assert.That(fault.UnknownRegisters, Is.Empty);
        Assert.That(fault.Source.ToString(), Does.Contain("trap frame").And.Contain("unwinding"));
    }

    [TestCase("crash-1e")]
    [TestCase("crash-filling")]
    [TestCase("crash-7e-srv")]
    public void The_CONTEXT_of_an_exception_is_found_on_x86_too(string scenario)
    {
        using ForgedFolder forged = new(scenario, "x86:6.1.7601", DumpKind.Full);
        using CommandSession session = forged.Open();

        // KiDispatchException asks for CONTEXT_FULL with the debug registers, which is 10017 there.
        Assert.That(session.Windows.Crash!.Fault!.Source.ToString(), Does.StartWith("CONTEXT at"));
    }

    [Test]
    public void A_page_table_entry_of_x86_does_not_tell_of_execution()
    {
        using ForgedFolder forged = new("crash-fc-data", "x86:6.1.7601", DumpKind.Full);
        using CommandSession session = forged.Open();

        // The bit is the highest of 64, of which the parameter holds 32.
        Assert.That(session.Windows.Crash!.Parameters[1].Meaning!.ToString(), Is.EqualTo("valid, writable"));
    }

    [TestCase("crash-8e")]
    [TestCase("crash-8e-marked")]
    public void The_trap_frame_of_8E_is_its_third_parameter(string scenario)
    {
        using ForgedFolder forged = new(scenario, "5.2.3790", DumpKind.Triage);
        using CommandSession session = forged.Open();

        CrashFault fault = session.Windows.Crash!.Fault!;

        Assert.That(fault.Source.ToString(), Does.StartWith("trap frame at").And.EndWith("parameter 3"));
        Assert.That((fault.ReportedAddress, fault.ErrorCode), Is.EqualTo(((ulong?)0x14, (ulong?)2)));
        Assert.That(fault.Registers, Has.Member(("edi", 0UL)).And.Member(("eax", 0x1234UL)));
    }

    [Test]
    public void The_instruction_is_printed_as_debuggers_of_windows_do()
    {
        using ForgedFolder forged = new("crash-50-index", "10.0.14393");
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!crashwhy");

        Assert.That(text, Does.Contain("mov     eax,dword ptr [rbx+r9*4+10h]").And.Contain("reads 4 bytes at [rbx+r9*4+10h] = ffffab0c00006010"));
        Assert.That(ForgedFolder.RunJson(session, "!crashwhy").GetProperty("accesses")[0].GetProperty("address").GetString(),
            Is.EqualTo("0xffffab0c00006010"));
    }

    [Test]
    public void The_same_problem_in_two_dumps_is_one_bucket_and_another_is_not()
    {
        string one = Signature("crash-d1-null", "10.0.14393"), again = Signature("crash-d1-null", "10.0.22000"),
            other = Signature("crash-3b", "10.0.14393");

        Assert.That(again, Is.EqualTo(one));
        Assert.That(other, Is.Not.EqualTo(one));
    }

    private static string Signature(string scenario, string layout)
    {
        using ForgedFolder forged = new(scenario, KernelLayout.BuiltInVersions.Last(v => v.Contains(layout, StringComparison.Ordinal)));
        using CommandSession session = forged.Open();
        return ForgedFolder.RunJson(session, "!hangwhy").GetProperty("verdict").GetProperty("signature").GetProperty("hash").GetString()!;
    }

    /// <summary>How sure each may be said to be, by the rules of the triage.</summary>
    private static Certainty CertaintyOf(string name) => name switch
    {
        // Code was called where a driver had been; a processor lacks the instruction by its maker's manual.
        "crash-d1-unloaded" or "crash-ce-unloaded" or "crash-popcnt" => Certainty.Proven,
        // One bit, or a place that no code leads to, in one dump; a part of Windows that may have been given the bad data.
        "crash-bit" or "crash-filling" or "crash-7e-srv" => Certainty.Candidate,
        _ => Certainty.Inferred,
    };

    private static string Word(CrashCause cause) => cause switch
    {
        CrashCause.ProcessorFeature => "processor-feature",
        _ => cause.ToString().ToLowerInvariant(),
    };
}
