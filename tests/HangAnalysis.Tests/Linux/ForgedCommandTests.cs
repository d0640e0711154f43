using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Linux.Systems;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>The commands of Linux on forged vmcores, of which everything is known.</summary>
public class ForgedCommandTests
{
    private static readonly string[] s_commands =
    [
        "!hangwhy", "!us", "!us -k", "!why 1802", "!owners", "!deadlocks", "!running -i", "!cpus", "!workers -v", "!t", "!t 402", "!lt",
        "!lt -g", "!tl", "!p rsyslogd", "!p 1 -t -e", "!mem -v", "!mods -v", "!log",
    ];

    private string _folder = "";

    [OneTimeSetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("linux-commands").FullName;

    [OneTimeTearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCaseSource(typeof(LinuxLayout), nameof(LinuxLayout.All))]
    public void Every_command_has_a_help_json_and_lines_that_fit(LinuxLayout layout)
    {
        using LinuxRun run = Forge("workqueue-flush", layout);
        foreach (string command in s_commands)
        {
            Assert.That(run.Lines(command, 120), Has.All.Length.LessThanOrEqualTo(120), command);
            using JsonDocument json = JsonDocument.Parse(run.Json(command));
            Assert.That(json.RootElement.GetProperty("schema").GetString(), Does.StartWith("hanganalysis"), command);
            CommandHelp help = run.Session.Commands.Require(run.Session.Parse(command)).Help;
            Assert.That(help.Examples, Is.Not.Empty, command);
            Assert.That(help.Options.Select(o => o.Name), Does.Contain("q").And.Contain("json"), command);
        }
    }

    [TestCaseSource(typeof(LinuxLayout), nameof(LinuxLayout.All))]
    public void A_list_has_every_task_with_its_state_and_its_processor(LinuxLayout layout)
    {
        ForgedVmcore forged = ForgedVmcore.Make("workqueue-flush", layout);
        using LinuxRun run = LinuxRun.Of(forged, _folder);
        IReadOnlyList<LinuxTask> tasks = [.. forged.Machine.Tasks.All];
        Assert.That(run.Run("!lt").Addresses, Is.EquivalentTo(tasks.Select(t => t.Address)));
        Assert.That(run.Run("!lt -s ZO").Addresses, Is.EqualTo(tasks.Where(t => t.State == 'Z').Select(t => t.Address)));
        Assert.That(run.Run("!lt -p rsyslogd").Addresses, Is.EqualTo(tasks.Where(t => t.Tgid == 402).Select(t => t.Address)));
        Assert.That(run.Run("!lt rs:main").Addresses, Is.EqualTo(tasks.Where(t => t.Pid == 406).Select(t => t.Address)));
        Assert.That(run.Run("!tl -u").Addresses,
            Is.EquivalentTo(tasks.Where(t => !t.IsKernelThread && t.Pid == t.Tgid).Select(t => t.Address)));
        Assert.That(run.Lines("!lt 1801")[2], Does.Match(@" 1801 +2 +0 .* UN .* 2m:10\.000 \[kworker/0:7\+sta\] stall_fn \[stall\]$"));
        Assert.That(run.Lines("!lt -g"), Has.Some.Match(" 406 .*└─ rs:main Q:Reg"));
    }

    [TestCaseSource(typeof(LinuxLayout), nameof(LinuxLayout.All))]
    public void Memory_has_the_machines_figures_and_says_what_is_not_in_the_dump(LinuxLayout layout)
    {
        ForgedVmcore forged = ForgedVmcore.Make("healthy-idle", layout);
        using LinuxRun run = LinuxRun.Of(forged, _folder);
        MemoryFigures truth = forged.Machine.Identity.Memory;
        HangAnalysis.Linux.MemoryFigures found = run.System.MemoryUse;
        Assert.That((found.Total, found.Free, found.Slab), Is.EqualTo((truth.Total, truth.Free, truth.SlabReclaimable + truth.SlabUnreclaimable)));
        Assert.That((found.SwapTotal, found.SwapFree), Is.EqualTo((truth.SwapTotal, truth.SwapFree)));
        Assert.That(found.CommittedExact, Is.EqualTo(truth.Committed));
        Assert.That(found.CommitLimit, Is.EqualTo(truth.Total / 2 + truth.SwapTotal), "vm.overcommit_ratio is 50");
        Assert.That((found.Cached, found.Buffers), Is.EqualTo((truth.Files, 0UL)));
        using LinuxRun without = Forge("workqueue-flush", layout);
        Assert.That(without.System.MemoryUse.Buffers, Is.Null, "it has no block device, and no file system of them");
        Assert.That(without.Lines("!mem"), Has.Some.Match("BUFFERS +n/a"));
    }

    [Test]
    public void A_busy_worker_has_its_function_and_its_queue_and_what_waits_behind_it()
    {
        using LinuxRun run = Forge("workqueue-flush", LinuxLayout.Linux61);
        string text = string.Join('\n', run.Lines("!workers"));
        Assert.That(text, Does.Match(@"1801 \w{16} UN +2m:10\.000 kworker/0:7\+sta stall_wq +stall_fn \[stall\] mutex stall_lock"));
        Assert.That(text, Does.Contain("1 item waits: 1 for vmstat_update"));
        Assert.That(text, Does.Contain("6 workers in 1 pool: 1 at work, 5 idle; 1 item waits for a worker"));
    }

    [Test]
    public void What_is_not_understood_is_said_in_one_line()
    {
        using LinuxRun run = Forge("healthy-idle", LinuxLayout.Linux612);
        (string Line, string Part)[] cases =
        [
            ("!t 0", "idle task of every processor"), ("!t 99999", "99999"), ("!t nobody", "'nobody'"), ("!t -l 0 1", "-i shows"),
            ("!lt -s Q", "'Q' is no state"), ("!lt -k -u", "no task"), ("!lt -m -g", "-m sorts"), ("!p nobody", "'nobody'"),
            ("!mods nothing", "no module is called 'nothing'"), ("!mem 1", "not understood"), ("!workers 1", "not understood"),
        ];
        foreach ((string line, string part) in cases)
            Assert.That(() => run.Run(line), Throws.TypeOf<CommandUsageException>().With.Message.Contains(part), line);
    }

    [Test]
    public void Every_task_and_process_of_a_damaged_vmcore_is_shown()
    {
        byte[] original = File.ReadAllBytes(ForgedVmcore
            .Make("workqueue-flush", LinuxLayout.Linux61, new VmcoreForm { Pages = VmcorePages.Raw }).Write(_folder, "whole"));
        int shown = 0;
        for (int seed = 0; seed < 100; seed++)
        {
            string path = Path.Combine(_folder, "damaged");
            File.WriteAllBytes(path, MutationTests.Mutate(original, new Random(seed)));
            using LinuxRun? run = LinuxRun.TryOpen(path);
            foreach (ulong task in run?.System.Threads.Select(t => t.Address.Value) ?? [])
            {
                Assert.That(run!.Lines($"!t {task:x16}", 120), Has.All.Length.LessThanOrEqualTo(120), $"seed {seed}");
                Assert.That(run.Json($"!t {task:x16}"), Is.Not.Empty, $"seed {seed}");
                Assert.That(run.Lines($"!p {task:x16} -t -e", 120), Is.Not.Empty, $"seed {seed}");
                Assert.That(run.Json($"!p {task:x16} -t"), Is.Not.Empty, $"seed {seed}");
                shown++;
            }
        }
        Assert.That(shown, Is.GreaterThan(1000), "most damage leaves the list of tasks alone");
    }

    private LinuxRun Forge(string scenario, LinuxLayout layout) => LinuxRun.Of(ForgedVmcore.Make(scenario, layout), _folder);
}
