using System.Text;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>Who forged processes run as, and what they are counted for.</summary>
internal sealed class AccountsTests
{
    [Test]
    public void Every_process_has_a_token_handles_memory_and_a_command_line(
        [Values("6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.19041", "10.0.20348", "10.0.22000")] string version)
    {
        SystemBuilder system = ScenarioSet.Build("idle", KernelLayout.BuiltIn(version));
        system.Finish();
        Dictionary<string, string> sids = [];
        foreach (ProcessBuilder process in system.Processes.Where(process => process.Pid != 0 && !process.IsExited))
        {
            KernelStruct one = process.Struct;
            string command = CommandLine(process);
            string key = process.Name == "svchost.exe" ? command : $"{process.Name} {process.Session}";
            sids[key] = Sid(system, one.Get("Token") & ~0xful);
            Assert.That(Handles(system, one.Get("ObjectTable")), Is.InRange(40, 5000), process.Name);
            bool isInstance = system.Layout.Has("_EPROCESS", "Vm.Instance.WorkingSetSize");
            string workingSet = isInstance ? "Vm.Instance.WorkingSetSize" : "Vm.WorkingSetSize";
            Assert.That(one.Get(workingSet), Is.GreaterThan(0), process.Name);
            Assert.That(one.Get("PeakVirtualSize"), Is.GreaterThanOrEqualTo(one.Get("VirtualSize")).And.GreaterThan(0));
            Assert.That(one.Get("CommitCharge"), Is.GreaterThan(0));
        }
        Assert.That(sids["System 0"], Is.EqualTo("S-1-5-18"));
        Assert.That(sids["lsass.exe 0"], Is.EqualTo("S-1-5-18"));
        Assert.That(sids["winlogon.exe 1"], Is.EqualTo("S-1-5-18"));
        Assert.That(sids["dwm.exe 1"], Is.EqualTo("S-1-5-90-0-1"));
        Assert.That(sids["OneDrive.exe 1"], Is.EqualTo("S-1-5-21-2726512140-888677503-3125549036-1001"));
        Assert.That(sids[@"C:\Windows\System32\svchost.exe -k LocalServiceNetworkRestricted"], Is.EqualTo("S-1-5-19"));
        Assert.That(sids[@"C:\Windows\System32\svchost.exe -k NetworkService"], Is.EqualTo("S-1-5-20"));
        Assert.That(sids[@"C:\Windows\System32\svchost.exe -k netsvcs"], Is.EqualTo("S-1-5-18"));
    }

    [Test]
    public void Threads_may_run_on_all_processors_and_prefer_one(
        [Values("6.1.7601", "10.0.19041", "10.0.20348", "10.0.22000")] string version)
    {
        SystemBuilder system = ScenarioSet.Build("idle", KernelLayout.BuiltIn(version));
        system.Finish();
        foreach (KernelStruct thread in system.Threads.Select(thread => thread.Struct))
        {
            // A mask and its group up to 19041; then a pointer to masks of all groups, which begin at +8.
            ulong mask = system.Layout.Build < 20348 ? system.Kernel.ReadUInt64(thread.At("Tcb.Affinity"))
                : system.Kernel.ReadUInt64(thread.Get("Tcb.Affinity") + 8);
            Assert.That(mask, Is.EqualTo(0xf));
            Assert.That(thread.Get("Tcb.IdealProcessor"), Is.LessThan(4));
        }
        Assert.That(system.Threads.Select(thread => thread.Struct.Get("Tcb.IdealProcessor")).Distinct().Count(), Is.EqualTo(4));
    }

    private static string Sid(SystemBuilder system, ulong token)
    {
        ulong sid = system.Kernel.ReadUInt64(system.Struct("_TOKEN", token).Get("UserAndGroups"));
        byte[] head = system.Kernel.Read(sid, 8);
        IEnumerable<uint> parts = Enumerable.Range(0, head[1]).Select(i => system.Kernel.ReadUInt32(sid + 8 + 4 * (ulong)i));
        return $"S-{head[0]}-{head[7]}-{string.Join('-', parts)}";
    }

    // Up to 7601 a field of the table; later one of the list of free entries that ends it, at +18 there (published types).
    private static ulong Handles(SystemBuilder system, ulong table) => system.Layout.Build < 9200
        ? system.Struct("_HANDLE_TABLE", table).Get("HandleCount")
        : system.Kernel.ReadUInt32(system.Struct("_HANDLE_TABLE", table).At("FreeLists") + 0x18);

    private static string CommandLine(ProcessBuilder process)
    {
        if (process.IsSystem)
            return "";
        ulong text = process.Space.ReadUInt64(process.Peb + 0x20) + 0x70;
        return Encoding.Unicode.GetString(process.Space.Read(process.Space.ReadUInt64(text + 8), process.Space.ReadUInt16(text)));
    }
}
