using System.Text;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>The ports of the forged Explorer, printed from the list of all ports as the published article has them.</summary>
internal sealed class ExplorerPortsTests
{
    private const ulong Explorer = 0xffffe00100fda900;
    private SystemBuilder _system = null!;

    [OneTimeSetUp]
    public void Build() => _system = Forge("6.3.9600");

    private static SystemBuilder Forge(string layout)
    {
        SystemBuilder system = ScenarioSet.Build("explorer-desktop", KernelLayout.BuiltIn(layout));
        system.Finish();
        return system;
    }

    [Test]
    public void Ports_are_those_of_the_article_in_its_order()
    {
        const int Lines = 2 + 1 + 5 + 31;
        IEnumerable<string> published = Article.Output("!kdexts.alpc /lpp ffffe00100fda900").Take(Lines);
        List<string> forged = ["Ports created by the process ffffe00100fda900:"];
        List<string> connections = [], connected = ["Ports the process ffffe00100fda900 is connected to:"];
        string created = "";
        foreach (KernelStruct port in Ports())
        {
            KernelStruct info = _system.Struct("_ALPC_COMMUNICATION_INFO", port.Get("CommunicationInfo"));
            KernelStruct connection = Port(info.Get("ConnectionPort")), client = Port(info.Get("ClientCommunicationPort"));
            if (port.Get("OwnerProcess") != Explorer)
                continue;
            if (port.Address == connection.Address)
                created = $"{port.Address:x16}('{Name(port)}') {Pending(port)}";
            else if (port.Address == info.Get("ServerCommunicationPort"))
                connections.Add($"{port.Address:x16} {Pending(port)} ->{client.Address:x16} {Pending(client)} {Owner(client)}");
            else
                connected.Add($"{port.Address:x16} {Pending(port)} -> {connection.Address:x16}('{Name(connection)}') "
                    + $"{Pending(connection)} {Owner(connection)}");
        }
        forged.AddRange([$"{created}, {connections.Count} connections", .. connections, .. connected]);
        Assert.That(forged, Has.Count.EqualTo(Lines).And.EqualTo(published));
    }

    [Test]
    public void Lengths_of_queues_are_those_of_their_lists()
    {
        foreach (KernelStruct port in Ports())
        {
            List<ulong> messages = ForgedSystemTests.Ring(_system.Kernel, port.At("PendingQueue"));
            Assert.That(messages, Has.Count.EqualTo((int)port.Get("PendingQueueLength")));
            foreach (ulong message in messages)
                Assert.That(_system.Struct("_KALPC_MESSAGE", message).Get("WaitingThread"), Is.Zero);
        }
    }

    // Objects have sizes of their own in each layout and addresses that are the same in all.
    [Test]
    public void No_object_reaches_into_another_on_any_kernel(
        [ValueSource(typeof(KernelLayout), nameof(KernelLayout.BuiltInVersions))] string version)
    {
        SystemBuilder system = Forge(version);
        int header = system.Layout.Offset("_OBJECT_HEADER", "Body");
        ulong last = 0;
        foreach ((ulong address, string type) in system.Structures.OrderBy(structure => structure.Key))
        {
            bool isObject = type is "_ETHREAD" or "_EPROCESS" or "_ALPC_PORT" or "_KEVENT";
            ulong begin = address - (isObject ? (ulong)header : 0), end = address + (ulong)system.Layout.Size(type);
            Assert.That(last, Is.LessThanOrEqualTo(begin), $"{type} at {address:x16}");
            last = end;
        }
    }

    private IEnumerable<KernelStruct> Ports()
    {
        ulong link = (ulong)_system.Layout.Offset("_ALPC_PORT", "PortListEntry");
        return ForgedSystemTests.Ring(_system.Kernel, _system.Variables["AlpcpPortList"]).Select(entry => Port(entry - link));
    }

    private KernelStruct Port(ulong address) => _system.Struct("_ALPC_PORT", address);

    private static ulong Pending(KernelStruct port) => port.Get("PendingQueueLength");

    // The name is in front of the object's header: NAME_INFO is the only optional part that the forge writes.
    private string Name(KernelStruct port)
    {
        const string Type = "_OBJECT_HEADER_NAME_INFO";
        int distance = _system.Layout.Offset("_OBJECT_HEADER", "Body") + _system.Layout.Size(Type);
        ulong text = _system.Struct(Type, port.Address - (ulong)distance).At("Name");
        return Encoding.Unicode.GetString(
            _system.Kernel.Read(_system.Kernel.ReadUInt64(text + 8), _system.Kernel.ReadUInt16(text)));
    }

    private string Owner(KernelStruct port)
    {
        KernelStruct process = _system.Struct("_EPROCESS", port.Get("OwnerProcess"));
        string name = Encoding.Latin1.GetString(_system.Kernel.Read(process.At("ImageFileName"), 15)).TrimEnd('\0');
        return $"{process.Address:x16}('{name}')";
    }
}
