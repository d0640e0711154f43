using System.Text.Json;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>What is said of a vmcore as a vmcore. Real ones were made by kdump in QEMU (tests/vmcores).</summary>
public class LinuxDumpCheckTests
{
    [TestCase("a-abba-mutex")]
    [TestCase("c-null-oops")]
    [TestCase("f-kdump-hungtask-panic")]
    [TestCase("k612-a-abba-mutex-la57")]
    public void A_real_vmcore_is_whole_and_of_qemu(string name)
    {
        LinuxRun run = LinuxRun.Open(name);
        JsonElement dump = JsonDocument.Parse(run.Json("!dumpcheck")).RootElement;

        Assert.That(dump.GetProperty("kind").GetString(), Does.StartWith("vmcore ("));
        Assert.That(dump.GetProperty("platforms")[0].GetProperty("kind").GetString(), Is.EqualTo("kvm"));
        Assert.That(dump.GetProperty("ways").GetRawText(), Does.Contain("virsh inject-nmi"));
        Assert.That(dump.GetProperty("contents").EnumerateArray().Single(c => c.GetProperty("aspect").GetString() == "kernel-stacks")
            .GetProperty("detail").GetString(), Is.EqualTo($"{run.System.Threads.Count:N0} tasks, 0 missing"));
        Assert.That(dump.GetProperty("trigger").GetString(), name == "c-null-oops" ? Does.Contain("NULL pointer dereference")
            : Is.Not.Empty);
        Assert.That(run.Lines("!dumpcheck", 120).Select(l => l.Length), Is.All.LessThanOrEqualTo(120));
    }
}
