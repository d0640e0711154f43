using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Targets.Dumps;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>
/// What is said of a dump as a dump. The kinds are those that the forge was asked to write; damage is dealt by the test; what
/// drives which platform's devices is published by the drivers' makers.
/// </summary>
[Parallelizable(ParallelScope.All)]
public class DumpCheckTests
{
    private const int TriageHeader = 0x2000, MemoryOffset = 5 * 4, OptionsOffset = 17 * 4, ValidOffset = 2 * 4;

    // The forge leaves holes between the pages of its bitmaps, inside the runs of the header.
    [TestCase(DumpKind.Full, "complete memory dump", "yes", "yes")]
    [TestCase(DumpKind.Bitmap, "complete memory dump with pages left out", "yes", "partly")]
    [TestCase(DumpKind.KernelBitmap, "kernel or automatic memory dump", "yes", "partly")]
    [TestCase(DumpKind.KernelRanges, "kernel dump of a debugger", "yes", "partly")]
    [TestCase(DumpKind.ActiveRanges, "kernel and program dump of a debugger", "yes", "partly")]
    [TestCase(DumpKind.CompleteRanges, "complete dump of a debugger", "yes", "yes")]
    [TestCase(DumpKind.Triage, "small memory dump", "no", "no")]
    public void Every_kind_is_told_with_what_it_holds(DumpKind kind, string name, string waits, string user)
    {
        using ForgedFolder forged = new(kind == DumpKind.Triage ? "crash-triage" : "small", kind: kind);
        using CommandSession session = forged.Open();
        JsonElement dump = ForgedFolder.RunJson(session, "!dumpcheck");

        Assert.That(dump.GetProperty("kind").GetString(), Is.EqualTo(name));
        Assert.That(dump.GetProperty("damaged").GetBoolean(), Is.False);
        Assert.That(Holds(dump, "waits"), Is.EqualTo(waits));
        Assert.That(Holds(dump, "user-memory"), Is.EqualTo(user), "the forge writes user pages into all dumps of pages");
        Assert.That(Holds(dump, "paged-out"), Is.EqualTo("no"));
        Assert.That(dump.GetProperty("fileBytes").GetInt64(), Is.EqualTo(new FileInfo(forged.DumpPath).Length));
        string text = ForgedFolder.Run(session, "!dumpcheck");
        Assert.That(text, Does.StartWith($"DUMP  {name}: "));
        Assert.That(text.Split('\n').Select(l => l.Length), Is.All.LessThanOrEqualTo(120));
    }

    [TestCase("10.0.19041"), TestCase("x86:6.1.7601")]
    public void Of_a_small_dump_every_detail_is_told_in_full(string layout)
    {
        using ForgedFolder forged = new("crash-triage", layout, DumpKind.Triage);
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!dumpcheck");
        string flat = string.Join(' ', text.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries));

        foreach (JsonElement content in ForgedFolder.RunJson(session, "!dumpcheck").GetProperty("contents").EnumerateArray())
            foreach (string word in content.GetProperty("detail").GetString()!.Split(' '))
                Assert.That(flat, Does.Contain(word));
        Assert.That(text, Does.Not.Contain("~"));
        Assert.That(text.Split('\n').Select(l => l.Length), Is.All.LessThanOrEqualTo(120));
    }

    [Test]
    public void A_dump_that_was_cut_says_how_much_is_missing()
    {
        using ForgedFolder forged = new("small");
        byte[] whole = File.ReadAllBytes(forged.DumpPath);
        const int Missing = 5;
        File.WriteAllBytes(forged.DumpPath, whole[..^(Missing * 0x1000)]);
        using CommandSession session = forged.Open();
        JsonElement dump = ForgedFolder.RunJson(session, "!dumpcheck");

        Assert.That(dump.GetProperty("damaged").GetBoolean(), Is.True);
        Assert.That(Findings(dump, "damage"), Has.Some.Contains($"{Missing} of {(whole.Length - 0x2000) / 0x1000:N0} pages are missing"));
        Assert.That(Findings(dump, "damage"), Has.Exactly(1).Contains("truncated"), "said once, however many say it");
        Assert.That(dump.GetProperty("heldBytes").GetInt64(), Is.EqualTo(whole.Length - 0x2000 - Missing * 0x1000));
        Assert.That(ForgedFolder.Run(session, "!dumpcheck"), Does.StartWith("DUMP  complete memory dump, damaged: "));
    }

    [Test]
    public void Threads_whose_stack_is_not_there_are_counted_and_listed()
    {
        SystemBuilder system = ScenarioSet.Build("idle", KernelLayout.BuiltIn("10.0.19041"));
        system.Finish();
        ThreadBuilder[] waiting = [.. system.Threads.Where(t => t.Address != 0 && t.Process.Name == "svchost.exe").Take(3)];
        foreach (ThreadBuilder thread in waiting)
            for (ulong page = thread.StackBase - 0x1000; page >= thread.StackBase - 0x6000; page -= 0x1000)
                if (system.Kernel.Translate(page) is not null)
                    system.Kernel.Unmap(page);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();
        JsonElement dump = ForgedFolder.RunJson(session, "!dumpcheck");

        Assert.That(dump.GetProperty("threadsWithoutStack").EnumerateArray().Select(e => e.GetString()),
            Is.EquivalentTo(waiting.Select(t => $"0x{t.Address:x16}")));
        Assert.That(Findings(dump, "caution"), Has.Some.Matches(@"^3 of \d+ kernel stacks that were in memory are not in the dump"));
        Assert.That(Holds(dump, "kernel-stacks"), Is.EqualTo("partly"));
        CommandArguments arguments = CommandArguments.Parse("!dumpcheck /q");
        Assert.That(CommandTable.Require(arguments).Run(session, arguments).Addresses, Is.EquivalentTo(waiting.Select(t => t.Address)));
    }

    [Test]
    public void A_program_whose_pages_are_absent_is_counted()
    {
        using ForgedFolder forged = new("user-pages-absent");
        using CommandSession session = forged.Open();
        JsonElement user = Content(ForgedFolder.RunJson(session, "!dumpcheck"), "user-memory");

        Match(user.GetProperty("detail").GetString()!, @"^(\d+) of (\d+) programs", (held, all) => Assert.That(held, Is.EqualTo(all - 1)));
        Assert.That(user.GetProperty("holds").GetString(), Is.EqualTo("partly"));
    }

    [TestCase(0xffffffffu, false)]
    [TestCase(0x41u, true)]
    public void A_small_dump_says_whether_it_has_the_figures_of_memory(uint options, bool filled)
    {
        using ForgedFolder forged = new("crash-triage", kind: DumpKind.Triage);
        byte[] bytes = File.ReadAllBytes(forged.DumpPath);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(TriageHeader + OptionsOffset), options);
        int block = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(TriageHeader + MemoryOffset));
        // As real dumps have it: version and size always, the figures only with these options.
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(block), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(block + 4), 0x50);
        if (filled)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(block + 0x20), 102_686);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(block + 0x38), 2_280_000);
        }
        File.WriteAllBytes(forged.DumpPath, bytes);
        using CommandSession session = forged.Open();
        JsonElement dump = ForgedFolder.RunJson(session, "!dumpcheck");

        Assert.That(Findings(dump, "note"), Has.Some.EqualTo(
            $"triage options 0x{options:x}: {(filled ? "the memory manager's figures are in it" : "without the memory manager's figures")}"));
        Assert.That(Content(dump, "pool-tables").GetProperty("detail").GetString(), filled
            ? Does.Contain("totals") : Is.EqualTo("small dumps hold none"));
    }

    [Test]
    public void A_small_dump_without_its_end_marker_is_damaged()
    {
        using ForgedFolder forged = new("crash-triage", kind: DumpKind.Triage);
        byte[] bytes = File.ReadAllBytes(forged.DumpPath);
        int marker = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(TriageHeader + ValidOffset));
        bytes.AsSpan(marker, 4).Clear();
        File.WriteAllBytes(forged.DumpPath, bytes);
        using CommandSession session = forged.Open();

        Assert.That(Findings(ForgedFolder.RunJson(session, "!dumpcheck"), "damage"), Has.Some.Contains("no end marker 'TRGD'"));
    }

    [Test]
    public void Fields_that_a_converter_did_not_write_are_named_and_no_crash_is_claimed()
    {
        using ForgedFolder forged = new("small");
        byte[] bytes = File.ReadAllBytes(forged.DumpPath);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(0x38), 0);
        foreach (int field in new[] { 0x80, 0xfa8, 0x1030 })
            Encoding.ASCII.GetBytes("PAGEPAGE").CopyTo(bytes, field);
        Encoding.ASCII.GetBytes("made by a tool\0").CopyTo(bytes, 0xfb0);
        File.WriteAllBytes(forged.DumpPath, bytes);
        using CommandSession session = forged.Open();
        JsonElement dump = ForgedFolder.RunJson(session, "!dumpcheck");

        Assert.That(Findings(dump, "caution"), Has.Some.StartsWith("the header was not written in full: " +
            "KdDebuggerDataBlock (0x80), SystemTime (0xfa8), SystemUpTime (0x1030); with no bug check either, a converter"));
        Assert.That(Findings(dump, "note"), Has.Some.EqualTo("comment in the header: 'made by a tool'"));
        Assert.That(dump.GetProperty("trigger").GetString(), Does.StartWith("no bug check"));
        Assert.That(dump.GetProperty("triggerCertainty").GetString(), Is.EqualTo("inferred"));
    }

    [TestCase(0x80u, 0x4f4454ul, "proven", "a non-maskable interrupt, sent by somebody or raised by hardware")]
    [TestCase(0x80u, 7ul, "inferred", "parameters of the hardware's own")]
    [TestCase(0x1c8u, 7000ul, "proven", "somebody held the power button")]
    [TestCase(0x161u, 0ul, "proven", "live dump")]
    [TestCase(0xe2u, 0ul, "candidate", "the keyboard, or .crash of a debugger")]
    [TestCase(0x1000007eu, 0ul, "proven", "the system stopped by itself")]
    public void The_trigger_is_told_as_far_as_the_code_tells_it(uint code, ulong parameter, string certainty, string words)
    {
        using ForgedFolder forged = new("small");
        byte[] bytes = File.ReadAllBytes(forged.DumpPath);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(0x38), code);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(0x40), parameter);
        File.WriteAllBytes(forged.DumpPath, bytes);
        using CommandSession session = forged.Open();
        JsonElement dump = ForgedFolder.RunJson(session, "!dumpcheck");

        Assert.That(dump.GetProperty("trigger").GetString(), Does.Contain(words));
        Assert.That(dump.GetProperty("triggerCertainty").GetString(), Is.EqualTo(certainty));
    }

    [TestCase("i8042prt.sys", "by i8042prt.sys on the stack")]
    [TestCase("kbdhid.sys", "by kbdhid.sys on the stack")]
    public void The_keyboard_is_named_by_its_driver_on_the_stack(string driver, string words)
    {
        SystemBuilder system = ScenarioSet.Build("small", KernelLayout.BuiltIn("10.0.14393"));
        ForgedModule module = system.Modules.AddDriver(driver);
        module.MinimumSize = 0x8000;
        system.Threads.First(t => t.Process.Name == "Idle").Stack($"""
            nt!KeBugCheckEx+0x20
            {module.Name}!KeyPressed+0x51
            nt!KiIdleLoop+0x2c
            """);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();
        JsonElement dump = ForgedFolder.RunJson(session, "!dumpcheck");

        Assert.That(dump.GetProperty("trigger").GetString(), Does.EndWith(words));
        Assert.That(dump.GetProperty("triggerCertainty").GetString(), Is.EqualTo("proven"));
        Assert.That(Ways(dump), Has.Some.Contains($@"Services\{module.Name}\Parameters /v CrashOnCtrlScroll"));
    }

    [TestCase("vmbus.sys storvsc.sys hyperkbd.sys", "hyper-v inferred", "Debug-VM")]
    [TestCase("vmbus.sys mana.sys", "azure inferred", "az serial-console send nmi")]
    [TestCase("vmxnet3.sys pvscsi.sys", "vmware inferred", "vmdumper WORLD nmi")]
    [TestCase("vioscsi.sys netkvm.sys", "kvm candidate", "virsh inject-nmi")]
    [TestCase("vioscsi.sys gvnic.sys", "google-cloud inferred", "SendDiagnosticInterrupt")]
    [TestCase("AWSNVMe.sys ena.sys", "aws inferred", "aws ec2 send-diagnostic-interrupt")]
    [TestCase("xenbus.sys xenvbd.sys", "xen inferred", "xl trigger")]
    [TestCase("hpqilo3core.sys", "hpe inferred", "iLO")]
    [TestCase("percsas3i.sys ipmidrv.sys", "dell inferred,physical inferred", "iDRAC")]
    [TestCase("vmxnet3.sys vioscsi.sys", "vmware candidate,kvm candidate", "virsh inject-nmi")]
    [TestCase("vmci.sys vmx86.sys", "vmware candidate", "vmdumper")]
    [TestCase("vmmemctl.sys vmbkmcl.sys hvsocket.sys", "unknown candidate", "ipmitool")]
    public void The_platform_is_recognised_by_drivers_of_its_devices_alone(string drivers, string expected, string way)
    {
        SystemBuilder system = ScenarioSet.Build("small", KernelLayout.BuiltIn("10.0.14393"));
        foreach (string driver in drivers.Split(' '))
            system.Modules.AddDriver(driver);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();
        JsonElement dump = ForgedFolder.RunJson(session, "!dumpcheck");
        JsonElement[] platforms = [.. dump.GetProperty("platforms").EnumerateArray()];

        Assert.That(string.Join(',', platforms.Select(p => $"{p.GetProperty("kind").GetString()} {p.GetProperty("certainty").GetString()}")),
            Is.EqualTo(expected));
        Assert.That(Ways(dump), Has.Some.Contains(way));
        foreach (JsonElement platform in platforms.Where(p => p.GetProperty("kind").GetString() != "unknown"))
            Assert.That(drivers.Split(' '), Has.Some.Matches<string>(d =>
                platform.GetProperty("evidence")[0].GetString()!.StartsWith(d + " (", StringComparison.Ordinal)));
        Assert.That(Ways(dump).Count(w => w.Contains("CrashOnCtrlScroll", StringComparison.Ordinal)),
            Is.EqualTo(drivers.Contains("hyperkbd", StringComparison.Ordinal) ? 1 : 0));
    }

    [Test]
    public void An_agent_alone_proves_no_cloud()
    {
        SystemBuilder system = ScenarioSet.Build("small", KernelLayout.BuiltIn("10.0.14393"));
        system.Modules.AddDriver("vmbus.sys");
        system.AddProcess("WaAppAgent.exe", 0xe50);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.RunJson(session, "!dumpcheck").GetProperty("platforms").EnumerateArray()
            .Select(p => $"{p.GetProperty("kind").GetString()} {p.GetProperty("certainty").GetString()}"),
            Is.EqualTo(new[] { "azure candidate", "hyper-v inferred" }));
    }

    [Test]
    public void The_drivers_that_write_the_dump_and_the_size_it_needs_are_told()
    {
        SystemBuilder system = ScenarioSet.Build("idle", KernelLayout.BuiltIn("10.0.14393"));
        system.Modules.AddDriver("dump_diskdump.sys");
        system.Modules.AddDriver("dump_storahci.sys");
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();
        JsonElement dump = ForgedFolder.RunJson(session, "!dumpcheck");

        Assert.That(dump.GetProperty("dumpDrivers").EnumerateArray().Select(e => e.GetString()),
            Is.EqualTo(new[] { "dump_diskdump.sys", "dump_storahci.sys" }));
        // The forge's machine has 4,194,156 pages of 4 KB; a complete dump needs 257 MB more.
        const int Needed = 4_194_156 / 256 + 1 + 257;
        Assert.That(dump.GetProperty("settings").GetRawText(), Does.Contain($"DumpFileSize /t REG_DWORD /d {Needed} /f").And.Contain($"{Needed:N0} MB"));
    }

    [TestCase("server-silent", DumpKind.Full, "the dump suffices")]
    [TestCase("crash-triage", DumpKind.Triage, "at least three small dumps")]
    [TestCase("idle", DumpKind.KernelBitmap, "forced while the hang is there")]
    [TestCase("memory-exhausted", DumpKind.Full, "two kernel dumps some hours apart")]
    public void What_to_ask_for_follows_from_the_verdict(string scenario, DumpKind kind, string words)
    {
        using ForgedFolder forged = new(scenario, kind: kind);
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.RunJson(session, "!dumpcheck").GetProperty("askFor").EnumerateArray().Select(e => e.GetString()),
            Has.Some.Contains(words));
    }

    [TestCase("real-1e.dmp", false, "stopped by itself", 0xffffffffu)]
    [TestCase("real-3b_0.dmp", true, "stopped by itself", 0x41u)]
    [TestCase("real-50_0.dmp", true, "stopped by itself", 0x41u)]
    [TestCase("real-7e_1.dmp", false, "stopped by itself", 0xffffffffu)]
    [TestCase("real-7e_2.dmp", false, "stopped by itself", 0xffffffffu)]
    [TestCase("triage_arm64.dmp", false, "held the power button", 0xffffffffu)]
    [TestCase("triage_x64.dmp", false, "stopped by itself", 0xffffffffu)]
    public void Real_small_dumps_are_whole_and_told_for_what_they_are(string name, bool hasFigures, string trigger, uint options)
    {
        using CommandSession session = new(KernelDumpTarget.Open(SharedMaterial.Require($"corpus/dumps/{name}")));
        JsonElement dump = ForgedFolder.RunJson(session, "!dumpcheck");

        Assert.That(dump.GetProperty("kind").GetString(), Is.EqualTo("small memory dump"));
        Assert.That(dump.GetProperty("damaged").GetBoolean(), Is.False);
        Assert.That(dump.GetProperty("trigger").GetString(), Does.Contain(trigger));
        Assert.That(Findings(dump, "note"), Has.Some.StartsWith($"triage options 0x{options:x}: ")
            .And.Some.EndsWith(hasFigures ? "are in it" : "without the memory manager's figures"));
        Assert.That(dump.GetProperty("dumpDrivers").GetArrayLength(), Is.GreaterThan(0));
    }

    [Test]
    public void Damaged_dumps_are_checked_or_refused_in_one_line([Values("small", "crash-triage")] string scenario)
    {
        using ForgedFolder forged = new(scenario, kind: scenario == "small" ? DumpKind.Bitmap : DumpKind.Triage);
        byte[] original = File.ReadAllBytes(forged.DumpPath);
        for (int seed = 0; seed < 200; seed++)
        {
            File.WriteAllBytes(forged.DumpPath, MutationTests.Mutate(original, new Random(seed)));
            MutationTests.AssertAnswered(forged.DumpPath, $"{scenario} seed {seed}", "!dumpcheck");
        }
    }

    [Test]
    public void Words_that_are_not_understood_are_refused()
    {
        using ForgedFolder forged = new("small");
        using CommandSession session = forged.Open();

        Assert.That(() => ForgedFolder.Run(session, "!dumpcheck now"), Throws.InstanceOf<CommandUsageException>());
    }

    private static JsonElement Content(JsonElement dump, string aspect) =>
        dump.GetProperty("contents").EnumerateArray().First(c => c.GetProperty("aspect").GetString() == aspect);

    private static string? Holds(JsonElement dump, string aspect) => Content(dump, aspect).GetProperty("holds").GetString();

    private static string[] Findings(JsonElement dump, string level) =>
        [.. dump.GetProperty("findings").EnumerateArray().Where(f => f.GetProperty("level").GetString() == level)
            .Select(f => f.GetProperty("text").GetString()!)];

    private static string[] Ways(JsonElement dump) =>
        [.. dump.GetProperty("ways").EnumerateArray().Select(w => $"{w.GetProperty("way").GetString()} {w.GetProperty("command").GetString()} {w.GetProperty("note").GetString()}")];

    private static void Match(string text, string pattern, Action<int, int> check)
    {
        System.Text.RegularExpressions.Match match = System.Text.RegularExpressions.Regex.Match(text, pattern);
        Assert.That(match.Success, Is.True, text);
        check(int.Parse(match.Groups[1].Value), int.Parse(match.Groups[2].Value));
    }
}
