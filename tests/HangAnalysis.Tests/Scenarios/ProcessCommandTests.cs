using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary><c>!p</c> on the published Explorer, and on processes whose state and account are known.</summary>
public class ProcessCommandTests
{
    private const string Explorer = "ffffe00100fda900";

    /// <summary>
    /// The published output of <c>!mex.p</c> figure by figure. Its time has no zone; the forge took it for UTC. Its 0 handles are
    /// those that another debugger calls "not accessible": 8.1 keeps no count in the table, 7 does.
    /// </summary>
    [TestCase("6.1.7601", "0")]
    [TestCase("6.3.9600", "-")]
    [TestCase("10.0.14393", "-")]
    [TestCase("10.0.17763", "-")]
    [TestCase("10.0.19041", "-")]
    [TestCase("10.0.22000", "-")]
    public void The_published_explorer_has_every_figure(string layout, string handles)
    {
        using ForgedFolder forged = new("explorer-desktop", layout);
        using CommandSession session = forged.Open();

        string[] lines = ForgedFolder.Run(session, $"!p {Explorer}").Split('\n');

        Assert.That(Words(lines[0]), Is.EqualTo("Name Address Ses PID Parent PEB Mods Handle Thrd User"));
        Assert.That(Words(lines[2]), Is.EqualTo(
            $"explorer.exe {Explorer} 1 c8c (0n3212) db8 (0n3512) 00007ff66a125000 184 {handles} 47 MyPC\\admin (env)"));
        Assert.That(lines, Does.Contain(@"Command line  C:\Windows\Explorer.EXE"));
        Assert.That(lines, Has.Some.StartsWith("Created       2017-07-10 08:39:08.606 UTC"));
        int memory = Array.IndexOf(lines, "Memory");
        Assert.That(Words(lines[memory + 1]), Is.EqualTo("VM Peak Work Set Peak Commit Size Peak PP Quota NPP Quota"));
        // The published six; peaks of the working set (40218 pages) and of the commit charge (15084) are the forge's.
        Assert.That(Words(lines[memory + 3]), Is.EqualTo("2 TB 2 TB 145.94 MB 157.1 MB 58.53 MB 58.92 MB 1.34 MB 91.5 KB"));
        Assert.That(lines, Has.Some.StartsWith("Main thread   ffffe00101344080 c8c.fe8  Explorer!wWinMain  Waiting 42s.937"));
        Assert.That(lines, Has.Some.Contains($"!lpcports {Explorer}"));
        Assert.That(lines.Max(l => l.Length), Is.LessThanOrEqualTo(120));
    }

    [TestCase("6.1.7601")]
    [TestCase("10.0.20348")]
    public void The_user_is_told_by_the_token_and_by_the_environment_apart(string layout)
    {
        using ForgedFolder forged = new("explorer-desktop", layout);
        using CommandSession session = forged.Open();

        JsonElement explorer = One(session, "!p explorer");
        Assert.That(explorer.GetProperty("user").GetProperty("sid").GetString(),
            Is.EqualTo("S-1-5-21-2726512140-888677503-3125549036-1001"));
        Assert.That(explorer.GetProperty("user").GetProperty("environment").GetString(), Is.EqualTo(@"MyPC\admin"));
        Assert.That(explorer.GetProperty("user").GetProperty("wellKnownName").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(One(session, "!p lsass").GetProperty("user").GetProperty("sid").GetString(), Is.EqualTo("S-1-5-18"));
        Assert.That(One(session, "!p lsass").GetProperty("user").GetProperty("wellKnownName").GetString(),
            Is.EqualTo(@"NT AUTHORITY\SYSTEM"));
        Assert.That(One(session, "!p dwm").GetProperty("user").GetProperty("sid").GetString(), Is.EqualTo("S-1-5-90-0-1"));
        Assert.That(One(session, "!p dwm").GetProperty("user").GetProperty("wellKnownName").GetString(),
            Is.EqualTo(@"Window Manager\DWM-1"));
        string services = ForgedFolder.Run(session, "!p svchost");
        Assert.That(services, Does.Contain("svchost.exe(LocalService)").And.Contain("LOCAL SERVICE")
            .And.Contain("NETWORK SERVICE").And.Contain("6 processes have this name"));
    }

    [TestCase("!p ffffe001`00fda900")]
    [TestCase("!p c8c")]
    [TestCase("!p -p 0n3212")]
    [TestCase("!p explorer")]
    [TestCase("!p EXPLORER.EXE")]
    [TestCase("!p plore")]
    public void A_process_is_found_by_address_identifier_and_name(string line)
    {
        using ForgedFolder forged = new("explorer-desktop", "6.3.9600");
        using CommandSession session = forged.Open();

        Assert.That(One(session, line).GetProperty("address").GetString(), Is.EqualTo($"0x{Explorer}"));
    }

    [TestCase("!p nobody", "'nobody'")]
    [TestCase("!p -p 99999", "99999 (0n629145)")]
    [TestCase("!p explorer svchost", "one process at a time")]
    [TestCase("!p explorer -p c8c", "one process at a time")]
    public void What_names_no_process_is_said_to(string line, string expected)
    {
        using ForgedFolder forged = new("explorer-desktop", "6.3.9600");
        using CommandSession session = forged.Open();

        Assert.That(() => ForgedFolder.Run(session, line), Throws.TypeOf<CommandUsageException>().With.Message.Contain(expected));
    }

    [Test]
    public void A_parent_is_there_or_gone_or_has_a_successor()
    {
        SystemBuilder system = ScenarioSet.Build("explorer-desktop", KernelLayout.BuiltIn("10.0.17763"));
        // Started after Explorer, with the identifier that Explorer's parent had.
        system.AddProcess("newcomer.exe", 0xdb8, null, 1, 4).CreateTime = new DateTime(2017, 7, 10, 9, 0, 0, DateTimeKind.Utc);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, "!p services"), Does.Contain("Parent        wininit.exe 1e8 (0n488), still there"));
        Assert.That(ForgedFolder.Run(session, "!p wininit"), Does.Contain("Parent        19c (0n412), no longer there\n"));
        Assert.That(ForgedFolder.Run(session, "!p explorer"),
            Does.Contain("db8 (0n3512), no longer there; its identifier now is that of newcomer.exe, which is younger"));
        Assert.That(One(session, "!p explorer").GetProperty("parent").GetProperty("isSuccessor").GetBoolean(), Is.True);
    }

    [Test]
    public void Without_user_pages_what_is_missing_is_said_and_the_kernels_facts_stay()
    {
        SystemBuilder system = ScenarioSet.Build("explorer-desktop", KernelLayout.BuiltIn("10.0.19041"));
        system.Processes.Single(p => p.Pid == 0xc8c).IsUserModeAbsent = true;
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        JsonElement explorer = One(session, "!p explorer");

        Assert.That(explorer.GetProperty("commandLine").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(explorer.GetProperty("modules").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(explorer.GetProperty("user").GetProperty("environment").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(explorer.GetProperty("user").GetProperty("sid").GetString(), Does.EndWith("-1001"));
        Assert.That(explorer.GetProperty("memory").GetProperty("workingSet").GetUInt64(), Is.EqualTo(37361 * 4096UL));
        Assert.That(explorer.GetProperty("mainThread").GetProperty("function").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(ForgedFolder.Run(session, "!p explorer"), Does.Contain("its user-mode pages are not in the dump")
            .And.Contain("the oldest; no main function is on a stack that could be read"));
    }

    /// <summary>Level 0x61 is protected light by WinTcb (1 and 6 of the public enumerations), as of csrss.exe since 8.1.</summary>
    [TestCase("6.3.9600")]
    [TestCase("10.0.22000")]
    public void Class_protection_job_and_32_bit_programs_are_recorded_in_the_process(string layout)
    {
        SystemBuilder system = ScenarioSet.Build("explorer-desktop", KernelLayout.BuiltIn(layout));
        ProcessBuilder process = system.AddProcess("oldtool.exe", 0xf00, null, 1, 0xc8c);
        process.Struct.Set("PriorityClass", 3).Set("Pcb.BasePriority", 13).TrySet("Wow64Process", 0xffffe00112345670)
            .TrySet("WoW64Process", 0xffffe00112345670).Set("Job", 0xffffe00112340000);
        system.Kernel.Write(process.Struct.At("Protection"), [0x61]);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        JsonElement json = One(session, "!p oldtool");

        Assert.That(json.GetProperty("is32Bit").GetBoolean(), Is.True);
        Assert.That(json.GetProperty("priorityClass").GetString(), Is.EqualTo("high"));
        Assert.That(json.GetProperty("basePriority").GetInt32(), Is.EqualTo(13));
        Assert.That(json.GetProperty("protection").GetString(), Is.EqualTo("PPL, WinTcb"));
        Assert.That(json.GetProperty("job").GetProperty("address").GetString(), Is.EqualTo("0xffffe00112340000"));
        Assert.That(ForgedFolder.Run(session, "!p oldtool"), Does.Contain("oldtool.exe*32").And.Contain("class high, base 13"));
        Assert.That(One(session, "!p explorer").GetProperty("is32Bit").GetBoolean(), Is.False);
    }

    [Test]
    public void Threads_are_listed_when_asked_for_and_those_that_have_ended_with_z()
    {
        SystemBuilder system = ScenarioSet.Build("explorer-desktop", KernelLayout.BuiltIn("10.0.14393"));
        system.Processes.Single(p => p.Pid == 0xc8c).AddThread(0x3ffc).Terminated(TimeSpan.FromSeconds(7));
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, "!p explorer"), Does.Contain("Threads       47; 1 more ended and still listed\n"));
        Assert.That(ForgedFolder.Run(session, "!p explorer -t"),
            Does.EndWith("Thread Count: 47; 1 that have ended are not shown: -z\n").And.Not.Contain("3ffc"));
        string all = ForgedFolder.Run(session, "!p explorer -t -z");
        Assert.That(all, Does.EndWith("Thread Count: 48\n").And.Contain("3ffc Terminated"));
        Assert.That(One(session, "!p explorer -t").GetProperty("threadList").GetArrayLength(), Is.EqualTo(47));
        Assert.That(One(session, "!p explorer").GetProperty("threadList").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public void A_damaged_token_costs_the_account_and_nothing_else()
    {
        SystemBuilder system = ScenarioSet.Build("explorer-desktop", KernelLayout.BuiltIn("10.0.17763"));
        using ForgedFolder whole = new(system);
        ulong token = system.Processes.Single(p => p.Pid == 0xc8c).Struct.Get("Token") & ~0xfUL;
        ulong sid = system.Struct("_SID_AND_ATTRIBUTES", system.Struct("_TOKEN", token).Get("UserAndGroups")).Get("Sid");
        byte[] dump = File.ReadAllBytes(whole.DumpPath);
        // S-1-5-21-2726512140-…: the bytes of this SID as the forge wrote them; its count of parts becomes impossible.
        byte[] pattern = [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0];
        int changed = 0;
        for (int at = dump.AsSpan().IndexOf(pattern); at >= 0;)
        {
            dump[at + 1] = 200;
            changed++;
            int next = dump.AsSpan(at + 1).IndexOf(pattern);
            at = next < 0 ? -1 : at + 1 + next;
        }
        File.WriteAllBytes(whole.DumpPath, dump);
        using CommandSession session = whole.Open();

        JsonElement explorer = One(session, "!p explorer");

        Assert.That(sid, Is.Not.Zero);
        Assert.That(changed, Is.GreaterThan(0));
        Assert.That(explorer.GetProperty("user").GetProperty("sid").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(explorer.GetProperty("user").GetProperty("environment").GetString(), Is.EqualTo(@"MyPC\admin"));
        Assert.That(ForgedFolder.Run(session, "!p explorer"), Does.Contain("token not recorded"));
    }

    [Test]
    public void What_blocks_the_process_is_told_with_the_way_to_why()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        JsonElement explorer = One(session, "!p explorer");

        Assert.That(explorer.GetProperty("blocked").GetProperty("threads").GetInt32(), Is.EqualTo(1));
        Assert.That(explorer.GetProperty("blocked").GetProperty("thread").GetString(), Is.EqualTo("0xffffab06b8121080"));
        Assert.That(explorer.GetProperty("mainThread").GetProperty("function").GetString(), Is.EqualTo("Explorer!wWinMain"));
        Assert.That(ForgedFolder.Run(session, "!p explorer"),
            Does.Contain("1 thread, the longest 1m:24.906, the main thread: !why ffffab06b8121080"));
        Assert.That(ForgedFolder.Run(session, "!p -p 3a4"), Does.Contain("the main thread: !why ffffab06b1b28800")
            .And.Contain("Threads       1: 1 on LPC replies\n")
            .And.Contain("waits for reply to ALPC message ffffce0e5b04dcf0, queued at port ffffab06b853c540"));
    }

    [TestCase("process-end-stuck", "scanner.exe", "ending: somebody has asked for its end, and 1 thread is still there")]
    [TestCase("idle", "setup.exe", "has exited at 2018-03-18 01:59:00.000 UTC with status 0x00000000")]
    public void An_end_is_told_as_state(string scenario, string name, string expected)
    {
        using ForgedFolder forged = new(scenario);
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, $"!p {name}"), Does.Contain(expected));
    }

    private static JsonElement One(CommandSession session, string line)
    {
        JsonElement processes = ForgedFolder.RunJson(session, line).GetProperty("processes");
        Assert.That(processes.GetArrayLength(), Is.EqualTo(1), line);
        return processes[0];
    }

    private static string Words(string line) => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
