using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>
/// What is said of disks and their queues. Figures and ages are those that the scenarios wrote; the offsets of the types are the
/// forge's own and those of no build.
/// </summary>
[Parallelizable(ParallelScope.All)]
public class StorTests
{
    private const string First = @"\Device\Harddisk0\DR0", Second = @"\Device\Harddisk1\DR1";

    [Test]
    public void A_disk_that_does_not_answer_is_named_with_its_requests_and_their_ages(
        [Values("6.1.7601", "6.3.9600", "10.0.14393", "10.0.19041", "10.0.22000")] string layout)
    {
        using ForgedFolder forged = new("stor-unit-silent", layout);
        using CommandSession session = forged.Open();
        JsonElement stor = ForgedFolder.RunJson(session, "!stor");
        JsonElement adapter = stor.GetProperty("adapters").EnumerateArray().Single();
        JsonElement disk = Disk(stor, First);

        Assert.That(adapter.GetProperty("module").GetString(), Is.EqualTo("storahci.sys"));
        Assert.That(adapter.GetProperty("driver").GetString(), Is.EqualTo(@"\Driver\storahci"));
        Assert.That(adapter.GetProperty("outstanding").GetInt32(), Is.EqualTo(3));
        Assert.That(adapter.GetProperty("mostOutstanding").GetInt32(), Is.EqualTo(64));
        Assert.That(disk.GetProperty("state").GetString(), Is.EqualTo("silent"));
        Assert.That(disk.GetProperty("deviceState").GetString(), Is.EqualTo("DeviceStateWorking"));
        Assert.That(disk.GetProperty("outstanding").GetInt32(), Is.EqualTo(3));
        Assert.That(disk.GetProperty("depth").GetInt32(), Is.EqualTo(32));
        Assert.That(disk.GetProperty("resetCount").GetInt32(), Is.EqualTo(2));
        Assert.That(disk.GetProperty("timeout").GetString(), Is.EqualTo("10s.000"));
        JsonElement[] requests = [.. disk.GetProperty("requests").EnumerateArray()];
        Assert.That(requests.Select(r => r.GetProperty("age").GetString()), Is.EqualTo(new[] { "2m:03.375", "1m:38.250", "500ms" }),
            "the oldest first, whatever the order of the list");
        Assert.That(requests.Select(r => r.GetProperty("ageUnit").GetString()), Is.All.EqualTo("interrupt time"));
        Assert.That(requests[0].GetProperty("irp").GetString(), Is.EqualTo(TruthRequest(forged)));
        Assert.That(requests[0].GetProperty("file").GetString(), Is.EqualTo(@"\data\ledger.db"));
        Assert.That(requests[1].GetProperty("irp").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(Disk(stor, Second).GetProperty("state").GetString(), Is.EqualTo("idle"));
        Assert.That(stor.GetProperty("summary").GetString(), Does.StartWith($"{First}: does not answer: 3 outstanding, the oldest for 2m:03.375"));
    }

    [TestCase("stor-queue-frozen", "stopped", 1, 7, "its queue is frozen: an error is handled or a reset is on its way")]
    [TestCase("stor-saturated", "saturated", 32, 41, "takes 32 requests at once and has 32 outstanding, the oldest for 2s.000, 41 wait")]
    [TestCase("stor-power-locked", "power-locked", 0, 5, "its queue is locked by power management")]
    public void A_queue_that_does_not_run_says_why(string scenario, string state, int outstanding, int waiting, string words)
    {
        using ForgedFolder forged = new(scenario);
        using CommandSession session = forged.Open();
        JsonElement stor = ForgedFolder.RunJson(session, "!stor");
        JsonElement disk = Disk(stor, First);

        Assert.That(disk.GetProperty("state").GetString(), Is.EqualTo(state));
        Assert.That(disk.GetProperty("outstanding").GetInt32(), Is.EqualTo(outstanding));
        Assert.That(disk.GetProperty("waiting").GetInt32(), Is.EqualTo(waiting));
        Assert.That(disk.GetProperty("explanation").GetString(), Does.Contain(words));
        Assert.That(Disk(stor, Second).GetProperty("state").GetString(), Is.EqualTo("idle"), "the other disk of the adapter is well");
        string text = ForgedFolder.Run(session, "!stor");
        Assert.That(text.ReplaceLineEndings(" "), Does.StartWith($"DISK  {First}: "));
        Assert.That(text.Split('\n').Select(l => l.Length), Is.All.LessThanOrEqualTo(120));
    }

    [Test]
    public void The_class_driver_s_transfers_are_those_in_use()
    {
        using ForgedFolder forged = new("stor-unit-silent");
        using CommandSession session = forged.Open();
        JsonElement[] classes = [.. ForgedFolder.RunJson(session, "!stor").GetProperty("classes").EnumerateArray()];
        JsonElement first = classes.Single(c => c.GetProperty("name").GetString() == First);
        JsonElement transfer = first.GetProperty("transfers").EnumerateArray().Single();

        Assert.That(classes, Has.Length.EqualTo(2));
        Assert.That(first.GetProperty("errorCount").GetInt32(), Is.EqualTo(4));
        Assert.That(first.GetProperty("timeout").GetString(), Is.EqualTo("1m:00.000"));
        Assert.That(transfer.GetProperty("originalIrp").GetString(), Is.EqualTo(TruthRequest(forged)));
        Assert.That(transfer.GetProperty("numRetries").GetInt32(), Is.EqualTo(7));
        // The forge wrote ticks here and interrupt time in the port driver's records.
        Assert.That(transfer.GetProperty("age").GetString(), Is.EqualTo("2m:03.375"));
    }

    [Test]
    public void The_verdict_has_the_disk_as_evidence([Values("stor-unit-silent", "stor-queue-frozen", "stor-saturated", "stor-power-locked")] string scenario)
    {
        using ForgedFolder forged = new(scenario);
        using CommandSession session = forged.Open();
        JsonElement evidence = ForgedFolder.RunJson(session, "!hangwhy").GetProperty("evidence").EnumerateArray().Single();

        Assert.That(evidence.GetProperty("label").GetString(), Is.EqualTo("Disk"));
        Assert.That(evidence.GetProperty("text").GetString(),
            Is.EqualTo($"{First}: {Disk(ForgedFolder.RunJson(session, "!stor"), First).GetProperty("explanation").GetString()}"));
    }

    [Test]
    public void Without_types_devices_and_requests_are_shown_and_what_is_missing_is_said()
    {
        using ForgedFolder forged = new("stor-no-types");
        using CommandSession session = forged.Open();
        JsonElement stor = ForgedFolder.RunJson(session, "!stor");

        Assert.That(stor.GetProperty("adapters").GetArrayLength(), Is.Zero);
        Assert.That(stor.GetProperty("classes").GetArrayLength(), Is.Zero);
        Assert.That(stor.GetProperty("devices").EnumerateArray().Select(d => d.GetProperty("name").GetString()),
            Is.EquivalentTo(new[] { @"\Device\RaidPort0", null, null, First, Second }));
        Assert.That(stor.GetProperty("requests").EnumerateArray().Single().GetProperty("address").GetString(), Is.EqualTo(TruthRequest(forged)));
        Assert.That(stor.GetProperty("unknown").GetRawText(), Does.Contain("the symbols of storport.sys do not have _RAID_UNIT_EXTENSION")
            .And.Contain("the symbols of classpnp.sys do not have _FUNCTIONAL_DEVICE_EXTENSION"));
        Assert.That(ForgedFolder.RunJson(session, "!hangwhy").TryGetProperty("evidence", out _), Is.False);
    }

    [Test]
    public void Without_the_pdb_its_absence_is_said()
    {
        using ForgedFolder forged = new("stor-unit-silent");
        File.Delete(Path.Combine(forged.Folder, "storport.pdb"));
        using CommandSession session = forged.Open();
        JsonElement stor = ForgedFolder.RunJson(session, "!stor");

        Assert.That(stor.GetProperty("adapters").GetArrayLength(), Is.Zero);
        Assert.That(stor.GetProperty("unknown").GetRawText(), Does.Contain("no symbols were found for storport.sys"));
        Assert.That(stor.GetProperty("classes").GetArrayLength(), Is.EqualTo(2), "the class driver's are there");
    }

    [Test]
    public void A_request_a_file_and_a_device_lead_to_their_disk()
    {
        using ForgedFolder forged = new("stor-unit-silent");
        using CommandSession session = forged.Open();
        string irp = TruthRequest(forged)[2..];
        ulong file = session.Windows.FindRequests().Single().FileObject;
        JsonElement all = ForgedFolder.RunJson(session, "!stor");
        string device = Disk(all, First).GetProperty("device").GetString()![2..];

        foreach (string address in new[] { irp, $"{file:x}", device })
        {
            JsonElement one = ForgedFolder.RunJson(session, $"!stor {address}");
            Assert.That(one.GetProperty("stack").EnumerateArray().Select(d => d.GetProperty("driver").GetString()),
                Is.EqualTo(new[] { @"\Driver\disk", @"\Driver\storahci" }), address);
            Assert.That(one.GetProperty("adapters")[0].GetProperty("disks").EnumerateArray().Select(d => d.GetProperty("name").GetString()),
                Is.EqualTo(new[] { First }), address);
        }
        string extension = Disk(all, Second).GetProperty("extension").GetString()!;
        Assert.That(ForgedFolder.RunJson(session, $"!stor {extension}").GetProperty("summary").GetString(), Does.StartWith("no trouble at 1 disk"));
        Assert.That(() => ForgedFolder.Run(session, "!stor 12345"), Throws.InstanceOf<CommandUsageException>());
        Assert.That(() => ForgedFolder.Run(session, "!stor 1 2"), Throws.InstanceOf<CommandUsageException>());
    }

    [Test]
    public void A_small_dump_is_declined_instead_of_called_free_of_trouble()
    {
        using ForgedFolder forged = new("crash-triage", kind: DumpKind.Triage);
        using CommandSession session = forged.Open();

        Assert.That(() => ForgedFolder.Run(session, "!stor"), Throws.TypeOf<CommandDeclinedException>().With.Message.Contains("small dumps"));
    }

    [Test]
    public void Bare_addresses_are_those_of_disks_trouble_first()
    {
        using ForgedFolder forged = new("stor-queue-frozen");
        using CommandSession session = forged.Open();
        JsonElement stor = ForgedFolder.RunJson(session, "!stor");
        CommandArguments arguments = CommandArguments.Parse("!stor /q");

        Assert.That(CommandTable.Require(arguments).Run(session, arguments).Addresses.Select(a => $"0x{a:x16}"),
            Is.EqualTo(new[] { Disk(stor, First), Disk(stor, Second) }.Select(d => d.GetProperty("device").GetString())));
    }

    [Test]
    public void A_device_with_a_queue_of_its_own_shows_what_it_works_on_and_the_hint_beside_the_flag_does_not_count()
    {
        const string Scenario = "pagein-disk";
        ulong idle;
        using (ForgedFolder whole = new(Scenario, "10.0.19041"))
        using (CommandSession first = whole.Open())
            idle = Hex(ForgedFolder.RunJson(first, "!stor").GetProperty("devices").EnumerateArray()
                .First(d => !d.GetProperty("busy").GetBoolean()).GetProperty("address"));
        SystemBuilder system = ScenarioSet.Build(Scenario, KernelLayout.BuiltIn("10.0.19041"));
        system.Finish();
        system.Kernel.WriteUInt64(system.Struct("_DEVICE_OBJECT", idle).At("DeviceQueue.Busy"), 0xffff_ab06_b003_1200);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();
        JsonElement[] devices = [.. ForgedFolder.RunJson(session, "!stor").GetProperty("devices").EnumerateArray()];
        JsonElement busy = devices.Single(d => d.GetProperty("busy").GetBoolean());

        Assert.That(devices.Select(d => Hex(d.GetProperty("address"))), Does.Contain(idle));
        Assert.That(busy.GetProperty("currentIrp").ValueKind, Is.EqualTo(JsonValueKind.String));
        Assert.That(busy.GetProperty("queued").GetInt32(), Is.EqualTo(3), "the scenario gives it one and queues three");
    }

    [Test]
    public void Damaged_structures_cost_a_line_and_never_the_answer()
    {
        using ForgedFolder whole = new("stor-unit-silent");
        List<ulong> structures = [];
        using (CommandSession session = whole.Open())
        {
            JsonElement stor = ForgedFolder.RunJson(session, "!stor");
            JsonElement disk = Disk(stor, First);
            structures.Add(Hex(stor.GetProperty("adapters")[0].GetProperty("extension")));
            structures.Add(Hex(disk.GetProperty("extension")));
            structures.Add(Hex(disk.GetProperty("device")));
            structures.AddRange(disk.GetProperty("requests").EnumerateArray().Select(r => Hex(r.GetProperty("address"))));
            structures.AddRange(stor.GetProperty("classes").EnumerateArray().Select(c => Hex(c.GetProperty("device"))));
        }
        for (int seed = 0; seed < 24; seed++)
        {
            SystemBuilder system = ScenarioSet.Build("stor-unit-silent", KernelLayout.BuiltIn("10.0.14393"));
            system.Finish();
            Random random = new(seed);
            for (int blow = random.Next(1, 12); blow > 0; blow--)
            {
                ulong at = structures[random.Next(structures.Count)] + (ulong)random.Next(40) * 8;
                ulong value = random.Next(4) switch
                {
                    0 => structures[random.Next(structures.Count)] + (ulong)random.Next(40) * 8,
                    1 => ulong.MaxValue,
                    2 => (ulong)random.NextInt64(),
                    _ => 0,
                };
                if (system.Kernel.Translate(at) is not null)
                    system.Kernel.WriteUInt64(at, value);
            }
            using ForgedFolder forged = new(system);
            using CommandSession session = forged.Open();
            Assert.That(() => ForgedFolder.Run(session, "!stor -v"), Throws.Nothing, $"seed {seed}");
            Assert.That(() => ForgedFolder.Run(session, "!hangwhy"), Throws.Nothing, $"seed {seed}");
        }
    }

    [Test]
    public void An_extension_that_does_not_point_back_is_no_disk()
    {
        using ForgedFolder whole = new("stor-unit-silent");
        ulong device;
        using (CommandSession session = whole.Open())
            device = Hex(Disk(ForgedFolder.RunJson(session, "!stor"), First).GetProperty("device"));
        SystemBuilder system = ScenarioSet.Build("stor-unit-silent", KernelLayout.BuiltIn("10.0.14393"));
        system.Finish();
        KernelStruct found = system.Struct("_DEVICE_OBJECT", device);
        found.Set("DeviceExtension", found.Get("DeviceExtension") + 8);
        using ForgedFolder forged = new(system);
        using CommandSession damaged = forged.Open();

        Assert.That(ForgedFolder.RunJson(damaged, "!stor").GetProperty("adapters")[0].GetProperty("disks").EnumerateArray()
            .Select(d => d.GetProperty("name").GetString()), Is.EqualTo(new[] { Second }));
    }

    private static ulong Hex(JsonElement element) => Convert.ToUInt64(element.GetString(), 16);

    private static JsonElement Disk(JsonElement stor, string name) => stor.GetProperty("adapters").EnumerateArray()
        .SelectMany(a => a.GetProperty("disks").EnumerateArray()).Single(d => d.GetProperty("name").GetString() == name);

    private static string TruthRequest(ForgedFolder forged) =>
        forged.Truth.GetProperty("chains")[0].GetProperty("links").EnumerateArray()
            .First(l => l.GetProperty("kind").GetString() == "request").GetProperty("address").GetString()!;
}
