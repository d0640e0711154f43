using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Targets.Dumps;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>What <c>!cpus</c> says, and what makes the holder of a spin lock a guess.</summary>
[Parallelizable(ParallelScope.Children)]
public class ProcessorTests
{
    [Test]
    public void Cpus_tells_threads_levels_and_the_holder_of_a_spin_lock([Values("10.0.14393", "10.0.22000")] string layout)
    {
        SystemBuilder system = ScenarioSet.Build("spinlock-held", KernelLayout.BuiltIn(layout));
        using Dump dump = new(system);

        JsonElement[] processors = [.. dump.RunJson("!cpus").GetProperty("processors").EnumerateArray()];

        Assert.That(processors, Has.Length.EqualTo(4));
        ulong spinLock = system.Truth.Links[1].Address;
        for (int i = 0; i < processors.Length; i++)
        {
            JsonElement spin = processors[i].GetProperty("spin");
            Assert.That(processors[i].GetProperty("thread").GetString(), Is.EqualTo(Hex(system.ProcessorStates[i].Current.Address)));
            Assert.That(processors[i].GetProperty("irql").GetInt32(), Is.EqualTo(2));
            if (i == 2)
            {
                Assert.That(spin.ValueKind, Is.EqualTo(JsonValueKind.Null));
                // The frames by which the processor was frozen are not what it did.
                Assert.That(processors[i].GetProperty("doing").GetString(), Is.EqualTo("acmeraid+0x2190"));
                continue;
            }
            Assert.That(spin.GetProperty("lock").GetString(), Is.EqualTo(Hex(spinLock)));
            Assert.That(spin.GetProperty("holder").GetInt32(), Is.EqualTo(2));
            Assert.That(spin.GetProperty("certainty").GetString(), Is.EqualTo("inferred"));
        }
    }

    [Test]
    public void Cpus_tells_the_routine_and_the_time_of_a_deferred_procedure_call([Values("10.0.14393", "10.0.19041")] string layout)
    {
        SystemBuilder system = ScenarioSet.Build("long-dpc", KernelLayout.BuiltIn(layout));
        using Dump dump = new(system);

        JsonElement processor = dump.RunJson("!cpus").GetProperty("processors")[1];

        Assert.Multiple(() =>
        {
            Assert.That(processor.GetProperty("state").GetString(), Is.EqualTo("dpc"));
            Assert.That(processor.GetProperty("dpc").GetString(), Is.EqualTo("acmewifi+0x7180"));
            Assert.That(processor.GetProperty("dpcTime").GetString(), Is.EqualTo("40s.000"));
            Assert.That(processor.GetProperty("dpcQueue").GetInt32(), Is.EqualTo(23));
        });
    }

    [Test]
    public void Without_a_record_the_routine_of_a_deferred_procedure_call_is_the_frame_that_was_called()
    {
        SystemBuilder system = ScenarioSet.Build("long-dpc", KernelLayout.BuiltIn("10.0.14393"));
        system.ProcessorDetails.Add((1, prcb => prcb.Set("DpcData[0].ActiveDpc", 0)));
        using Dump dump = new(system);

        Assert.That(dump.RunJson("!cpus").GetProperty("processors")[1].GetProperty("dpc").GetString(),
            Is.EqualTo("acmewifi+0x71a0"));
    }

    [Test]
    public void A_third_processor_that_may_hold_the_locks_makes_no_deadlock_of_a_guess()
    {
        SystemBuilder system = ScenarioSet.Build("spinlock-deadlock", KernelLayout.BuiltIn("10.0.19041"));
        system.ProcessorDetails.Add((2, prcb => prcb.Set("DpcRoutineActive", 1)));
        using Dump dump = new(system);

        JsonElement verdict = dump.RunJson("!hangwhy").GetProperty("verdict");

        Assert.That(verdict.GetProperty("class").GetString(), Is.Not.EqualTo("deadlock"));
        Assert.That(verdict.GetProperty("confidence").GetString(), Is.Not.EqualTo("high").And.Not.EqualTo("medium"));
        Assert.That(dump.RunJson("!cpus").GetProperty("processors")[0].GetProperty("spin").GetProperty("holder").ValueKind,
            Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public void Two_registers_with_the_addresses_of_held_locks_name_none()
    {
        SystemBuilder system = ScenarioSet.Build("spinlock-held", KernelLayout.BuiltIn("10.0.19041"));
        ulong other = system.Pool.Take(16);
        system.Kernel.WriteUInt64(other, 1);
        system.Threads.First(t => t.Processor == 1 && !t.IsIdle).Registers[X64Register.R12] = other;
        using Dump dump = new(system);

        JsonElement spin = dump.RunJson("!cpus").GetProperty("processors")[1].GetProperty("spin");

        Assert.That(spin.GetProperty("lock").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(spin.GetProperty("function").GetString(), Is.EqualTo("nt!KxWaitForSpinLockAndAcquire"));
    }

    [Test]
    public void A_queue_that_does_not_lead_to_the_waiter_proves_nothing()
    {
        SystemBuilder system = ScenarioSet.Build("spinlock-queued", KernelLayout.BuiltIn("10.0.19041"));
        system.ProcessorDetails.Add((3, _ =>
        {
            KernelStruct owner = system.Struct("_KPRCB", system.Kernel.ReadUInt64(system.Variables["KiProcessorBlock"] + 8));
            owner.Set("LockQueue[8].Next", 0);
        }));
        using Dump dump = new(system);

        JsonElement links = dump.RunJson("!hangwhy").GetProperty("chains")[0].GetProperty("links");

        Assert.That(links[1].GetProperty("certainty").GetString(), Is.EqualTo("inferred"));
    }

    [Test]
    public void A_ready_queue_that_loops_costs_one_line()
    {
        SystemBuilder system = ScenarioSet.Build("realtime-starvation", KernelLayout.BuiltIn("10.0.19041"));
        ThreadBuilder ready = system.Threads.First(t => t.ReadyProcessor == 1);
        system.ProcessorDetails.Add((1, _ =>
            system.Kernel.WriteUInt64(ready.Struct.At("Tcb.WaitListEntry"), ready.Struct.At("Tcb.WaitListEntry"))));
        using Dump dump = new(system);

        JsonElement report = dump.RunJson("!hangwhy");

        Assert.That(report.GetProperty("verdict").GetProperty("class").GetString(), Is.EqualTo("starvation"));
        Assert.That(report.GetProperty("unknown").EnumerateArray().Count(u =>
            u.GetProperty("what").GetString()!.Contains("ready queue of processor 1", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [Test]
    public void A_thread_that_was_ready_for_a_moment_is_not_starved()
    {
        SystemBuilder system = ScenarioSet.Build("realtime-starvation", KernelLayout.BuiltIn("10.0.19041"));
        system.Threads.First(t => t.ReadyProcessor == 1).ReadyOn(1, TimeSpan.FromSeconds(2));
        using Dump dump = new(system);

        Assert.That(dump.RunJson("!hangwhy").GetProperty("verdict").GetProperty("class").GetString(), Is.EqualTo("no-hang"));
    }

    [Test]
    public void The_lines_of_cpus_fit_and_name_what_was_found([Values("spinlock-queued", "long-dpc", "debugger-break")] string scenario)
    {
        using Dump dump = new(ScenarioSet.Build(scenario, KernelLayout.BuiltIn("10.0.19041")));

        string text = dump.Run("!cpus -v");

        Assert.That(text.Split('\n').Max(l => l.Length), Is.LessThanOrEqualTo(120));
        Assert.That(text, Does.Contain(scenario switch
        {
            "spinlock-queued" => "held by CPU 1 (proven)",
            "long-dpc" => "executes the deferred procedure call acmewifi+0x7180 for 40s.000; 23 more in its queues",
            // Nobody is accused: the processor that took the break idled before.
            _ => "holder not recorded",
        }));
    }

    private static string Hex(ulong address) => $"0x{address:x16}";

    /// <summary>A dump of a system that a test has changed.</summary>
    private sealed class Dump : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hangwhy-cpus-");
        private readonly CommandSession _session;

        public Dump(SystemBuilder system)
        {
            ForgedDump.Write(system, _folder.FullName, system.PreferredKind);
            _session = new CommandSession(KernelDumpTarget.Open(Path.Combine(_folder.FullName, "memory.dmp")));
        }

        public JsonElement RunJson(string line) => ForgedFolder.RunJson(_session, line);

        public string Run(string line) => ForgedFolder.Run(_session, line);

        public void Dispose()
        {
            _session.Dispose();
            _folder.Delete(recursive: true);
        }
    }
}
