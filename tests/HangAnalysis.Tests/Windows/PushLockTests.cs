using System.Diagnostics;
using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows;

/// <summary>What is told of push locks whose records are absent, contradict each other, or are damaged.</summary>
public class PushLockTests
{
    private const string Recorded = "10.0.19041";

    /// <summary>769 waiters are one chain with a count, however many of them have a lock entry.</summary>
    [TestCase("pushlock-crowd", Recorded, 770)]
    [TestCase("pushlock-crowd", "6.1.7601", 769)]
    [TestCase("pushlock-exhausted", "6.3.9600", 6)]
    [TestCase("pushlock-exhausted", "10.0.22000", 6)]
    public void All_waiters_of_a_lock_are_one_chain(string scenario, string layout, int threads)
    {
        using ForgedFolder forged = new(scenario, layout);
        using CommandSession session = forged.Open();

        JsonElement report = ForgedFolder.RunJson(session, "!hangwhy");

        VerdictMatrixTests.AssertTruth(report, forged.Truth);
        Assert.That(report.GetProperty("verdict").GetProperty("blockedThreads").GetInt32(), Is.EqualTo(threads));
        Assert.That(session.System.Locks.Single(l => l.Kind == "push lock").Contended, Is.EqualTo(1));
    }

    /// <summary>The mark of an owner shares a byte with a pointer in 9600; later layouts have a byte of its own.</summary>
    [TestCase("6.3.9600", "inferred")]
    [TestCase("10.0.14393", "proven")]
    [TestCase("10.0.22000", "proven")]
    public void Owners_are_as_sure_as_the_entry(string layout, string certainty)
    {
        using ForgedFolder forged = new("pushlock-crowd", layout);
        using CommandSession session = forged.Open();

        JsonElement links = ForgedFolder.RunJson(session, "!hangwhy").GetProperty("chains")[0].GetProperty("links");

        Assert.That(links[0].GetProperty("certainty").GetString(), Is.EqualTo("proven"));
        Assert.That(links[1].GetProperty("certainty").GetString(), Is.EqualTo(certainty));
        Assert.That(session.System.DescribeObjectCommand(
                new ObjectReference(ObjectKind.Lock, Convert.ToUInt64(links[1].GetProperty("address").GetString(), 16))),
            Is.EqualTo($"dt nt!_EX_PUSH_LOCK {links[1].GetProperty("address").GetString()}"));
    }

    [Test]
    public void Two_owners_of_an_exclusive_lock_are_guesses()
    {
        SystemBuilder system = ScenarioSet.Build("pushlock-crowd", KernelLayout.BuiltIn(Recorded));
        ThreadBuilder other = system.Threads.First(t => t.Process.Name == "smss.exe");
        system.PushLocks.AddEntry(other, system.Truth.Links[1].Address, isOwner: true);

        JsonElement report = Run(system);

        Assert.That(report.GetProperty("verdict").GetProperty("confidence").GetString(), Is.EqualTo("low"));
        Assert.That(report.GetProperty("chains")[0].GetProperty("links")[1].GetProperty("certainty").GetString(),
            Is.EqualTo("candidate"));
    }

    [Test]
    public void A_lock_whose_value_knows_no_waiters_is_told()
    {
        SystemBuilder system = ScenarioSet.Build("pushlock-crowd", KernelLayout.BuiltIn(Recorded));
        ulong address = system.Truth.Links[1].Address;
        system.Struct("_EX_PUSH_LOCK", address).Set("Value", 0);

        JsonElement report = Run(system);

        Assert.That(report.GetProperty("verdict").GetProperty("confidence").GetString(), Is.EqualTo("low"));
        Assert.That(Unknowns(report), Has.Some.Contains($"whether push lock {address:x16} is waited for"));
    }

    /// <summary>The kernel's symbols lack the entries: the waiters are still told, and why nobody is named.</summary>
    [Test]
    public void Without_lock_entries_the_owner_is_not_recorded_and_why_is_said()
    {
        SystemBuilder system = ScenarioSet.Build("pushlock-crowd", KernelLayout.BuiltIn(Recorded).Without("_KLOCK_ENTRY"));

        JsonElement report = Run(system);

        Assert.That(report.GetProperty("verdict").GetProperty("class").GetString(), Is.EqualTo("owner-unknown"));
        Assert.That(report.GetProperty("verdict").GetProperty("culprit").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(Unknowns(report), Has.Some.Contains("this kernel's symbols have no AutoBoost lock entries"));
    }

    /// <summary>A chain of wait blocks that runs in a circle ends, and the lock is still found by its value.</summary>
    [Test]
    public void A_circle_of_wait_blocks_ends()
    {
        SystemBuilder system = ScenarioSet.Build("pushlock-shared", KernelLayout.BuiltIn("6.1.7601"));
        ulong top = system.Struct("_EX_PUSH_LOCK", system.Truth.Links[1].Address).Get("Value") & ~0xful;
        system.Struct("_EX_PUSH_LOCK_WAIT_BLOCK", top).Set("Next", top);

        JsonElement report = Run(system);

        // Only the youngest waiter is proven to wait for it; the others may.
        Assert.That(report.GetProperty("verdict").GetProperty("class").GetString(), Is.EqualTo("owner-unknown"));
        Assert.That(report.GetProperty("verdict").GetProperty("blockedThreads").GetInt32(), Is.EqualTo(5));
    }

    /// <summary>A thread that uses a push lock's queue as a signal waits for no owner, and alone is no hang.</summary>
    [Test]
    public void A_signal_is_no_lock()
    {
        SystemBuilder system = ScenarioSet.Build("idle", KernelLayout.BuiltIn(Recorded));
        ProcessBuilder process = system.Processes.First(p => p.Name == "services.exe");
        ThreadBuilder thread = process.AddThread(0x2000).Stack(StackOfSignal);
        thread.Waiting("WrPushLock", userMode: false, TimeSpan.FromSeconds(900),
            system.Objects.Event(address: thread.PlaceOnStack(0x40)));

        JsonElement report = Run(system);

        Assert.That(report.GetProperty("verdict").GetProperty("class").GetString(), Is.EqualTo("no-hang"));
        Assert.That(report.GetProperty("ruledOut").EnumerateArray().Select(r => r.GetProperty("why").GetString()),
            Has.Some.Contains("no push lock or fast mutex waiter"));
    }

    /// <summary>Seeded damage to locks, wait blocks and entries: always an answer, soon, and never an innocent module in it.</summary>
    [Test]
    public void Damaged_locks_accuse_nobody_else(
        [Values("6.1.7601", "6.3.9600", "10.0.19041", "10.0.22000")] string version)
    {
        KernelLayout layout = KernelLayout.BuiltIn(version);
        using ForgedFolder forged = new("pushlock-shared", layout);
        for (int seed = 0; seed < 25; seed++)
        {
            SystemBuilder system = ScenarioSet.Build("pushlock-shared", layout);
            system.Finish();
            Damage(system, new Random(seed));
            using (FileStream file = File.Create(forged.DumpPath))
                ForgedDump.WriteDump(system, file);
            long start = Stopwatch.GetTimestamp();
            using CommandSession session = forged.Open();
            JsonElement culprit = ForgedFolder.RunJson(session, "!hangwhy").GetProperty("verdict").GetProperty("culprit");
            Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(5)), $"seed {seed}");
            if (culprit.ValueKind != JsonValueKind.Null)
                Assert.That(culprit.GetProperty("module").GetString(), Is.EqualTo("encflt.sys"), $"seed {seed}");
        }
    }

    private static void Damage(SystemBuilder system, Random random)
    {
        ThreadBuilder[] waiters = [.. system.Threads.Where(t => t.Process.Name == "webworker.exe")];
        ulong pushLock = system.Struct("_EX_PUSH_LOCK", system.Truth.Links[1].Address).Address;
        ulong top = system.Struct("_EX_PUSH_LOCK", pushLock).Get("Value") & ~0xful;
        for (int blow = random.Next(1, 6); blow > 0; blow--)
        {
            ThreadBuilder victim = waiters[random.Next(waiters.Length)];
            ulong place = random.Next(4) switch
            {
                0 => pushLock,
                1 => top + 8 * (uint)random.Next(8),
                2 when system.PushLocks.HasEntries => system.PushLocks.EntryAddress(victim, 0) + 8 * (uint)random.Next(12),
                _ => victim.Struct.At("Tcb.WaitBlock") + 8 * (uint)random.Next(6),
            };
            ulong value = random.Next(5) switch
            {
                0 => 0, 1 => ulong.MaxValue, 2 => top + (uint)random.Next(16), 3 => victim.Address, _ => (ulong)random.NextInt64(),
            };
            system.Kernel.Write(place, BitConverter.GetBytes(value));
        }
    }

    private const string StackOfSignal = """
        nt!KiSwapContext+0x76
        nt!KiSwapThread+0x17d
        nt!KiCommitThreadWait+0x14f
        nt!KeWaitForSingleObject+0x377
        nt!ExBlockOnAddressPushLock+0x5c
        nt!MiWaitForVadDeletion+0x41
        nt!NtFreeVirtualMemory+0x8a
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtFreeVirtualMemory+0x14
        ntdll!RtlUserThreadStart+0x21
        """;

    private static JsonElement Run(SystemBuilder system)
    {
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();
        return ForgedFolder.RunJson(session, "!hangwhy");
    }

    private static IEnumerable<string> Unknowns(JsonElement report) =>
        report.GetProperty("unknown").EnumerateArray()
            .Select(u => $"{u.GetProperty("what").GetString()}: {u.GetProperty("why").GetString()}");
}
