using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows;

/// <summary>
/// Up to 7601 a thread that waits for a gate is not in the state Waiting and has no ring of wait blocks; afterwards it is as
/// any other. Both are read as one.
/// </summary>
public class GateWaitTests
{
    [TestCase("6.1.7601")]
    [TestCase("6.3.9600")]
    [TestCase("10.0.22000")]
    public void A_thread_that_waits_for_a_gate_waits_for_that_gate(string layout)
    {
        SystemBuilder builder = ScenarioSet.Build("idle", KernelLayout.BuiltIn(layout));
        ulong gate = builder.Objects.Gate();
        ThreadBuilder waiter = builder.Processes.First(p => p.Name == "winlogon.exe").AddThread(0x2224).Stack("""
            nt!KiSwapContext+0x76
            nt!KiSwapThread+0x17d
            nt!KeWaitForGate+0xfb
            nt!KeAcquireGuardedMutex+0x45
            nt!NtClose+0xcb
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtClose+0x14
            """).Waiting("WrGuardedMutex", userMode: false, TimeSpan.FromSeconds(77), gate);
        using ForgedFolder forged = new(builder);
        using CommandSession session = forged.Open();

        ThreadFacts thread = session.System.FindThread(waiter.Address)!;

        Assert.That(thread.State, Is.EqualTo(layout.StartsWith("6.1", StringComparison.Ordinal) ? "GateWait" : "Waiting"));
        Assert.That(thread.WaitReason, Is.EqualTo("WrGuardedMutex"));
        Assert.That(thread.Role, Is.EqualTo(WaitRole.Blocked));
        Assert.That(thread.WaitsFor, Is.EqualTo(new[] { new WaitedObject(gate, "Gate", ObjectKind.Event, false) }));
    }
}
