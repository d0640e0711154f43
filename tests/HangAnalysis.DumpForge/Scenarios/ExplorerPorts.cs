using System.Globalization;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>The ports of the published Explorer: one that it has made and those of others that it is connected to.</summary>
internal static class ExplorerPorts
{
    private const ulong OlePort = 0xffffe001014fab00;

    /// <summary>Connections of Explorer's port: its own side, the client's side, the client.</summary>
    private const string Clients = """
        ffffe00101505e40 ffffe001014f2bb0 ffffe000ffda2080
        ffffe001015474a0 ffffe00101547910 ffffe000ffd736c0
        ffffe001015ac7f0 ffffe001015aca20 ffffe000fffe3900
        ffffe001091b5e40 ffffe00101fdba80 ffffe001091e3300
        ffffe001012e3780 ffffe0010a9b0e40 ffffe00101fca900
        """;

    /// <summary>
    /// Connections of Explorer: its side, the port, requests that the port's owner has not answered, the owner, the name.
    /// </summary>
    private const string Servers = """
        ffffe000fffaa330 ffffe000fe6fdda0 0 ffffe000ffcde080 \Windows\ApiPort
        ffffe000ffd4edb0 ffffe000fffe8900 0 ffffe000fe6a5900 \ThemeApiPort
        ffffe000ffb494c0 ffffe000ffdbc1e0 20 ffffe000ffd736c0 \RPC Control\LSMApi
        ffffe001014c7570 ffffe000ffd608a0 0 ffffe000ffd4c900 \RPC Control\lsasspirpc
        ffffe001015059e0 ffffe000ffd9a8c0 0 ffffe000ffda2080 \RPC Control\epmapper
        ffffe00101508e40 ffffe000fffcee40 0 ffffe000ffdd8840 \Sessions\1\Windows\DwmApiPort
        ffffe00101537070 ffffe000ffd78c10 38 ffffe000ffcae900 \RPC Control\ntsvcs
        ffffe00101549c70 ffffe000fef70070 0 ffffe000fe69d040 \PdcPort
        ffffe001015415b0 ffffe000ffd9c090 0 ffffe000ffd736c0 \RPC Control\actkernel
        ffffe00101555e40 ffffe000fef70070 0 ffffe000fe69d040 \PdcPort
        ffffe00101527d70 ffffe001001b7e40 0 ffffe000fffe3900 \Windows\FontCachePort
        ffffe001013d7cd0 ffffe000ffda89e0 0 ffffe000ffd736c0 \RPC Control\umpo
        ffffe000ffdafe40 ffffe000fef70070 0 ffffe000fe69d040 \PdcPort
        ffffe000ffd80660 ffffe001014e5c80 0 ffffe001014d4900 \RPC Control\webcache_{7329ea82-0845-4e4c-bd18-02b67ac065cc}_\
        S-1-5-21-2726512140-888677503-3125549036-1001
        ffffe000ffd1be40 ffffe000ffb22090 0 ffffe001014d4900 \RPC Control\OLE9F792F2B42A5C2F467737E8AEF83
        ffffe000ffcb7a30 ffffe000fffcee40 0 ffffe000ffdd8840 \Sessions\1\Windows\DwmApiPort
        ffffe001014fb840 ffffe000fffe5e40 0 ffffe000fffe3900 \RPC Control\OLE613E2E13198237E01302C92BBC53
        ffffe001014c9cf0 ffffe000fffc7e40 30 ffffe000fe6a7900 \RPC Control\eventlog
        ffffe00101526a30 ffffe000fef70070 0 ffffe000fe69d040 \PdcPort
        ffffe001015cc380 ffffe001015eca50 0 ffffe000fe73e080 \Sessions\1\BaseNamedObjects\msctf.serverDefault1
        ffffe001016193d0 ffffe001015eca50 0 ffffe000fe73e080 \Sessions\1\BaseNamedObjects\msctf.serverDefault1
        ffffe0010161ca50 ffffe001015eca50 0 ffffe000fe73e080 \Sessions\1\BaseNamedObjects\msctf.serverDefault1
        ffffe0010161a770 ffffe001015eca50 0 ffffe000fe73e080 \Sessions\1\BaseNamedObjects\msctf.serverDefault1
        ffffe0010165a070 ffffe001015eca50 0 ffffe000fe73e080 \Sessions\1\BaseNamedObjects\msctf.serverDefault1
        ffffe00101608e40 ffffe000fe9a82c0 0 ffffe000fe6a5900 \RPC Control\SessEnvPrivateRpc
        ffffe001096c76b0 ffffe001015eca50 0 ffffe000fe73e080 \Sessions\1\BaseNamedObjects\msctf.serverDefault1
        ffffe001096658d0 ffffe001090c32b0 0 ffffe001091e3300 \RPC Control\OLE2B514DB3A33CF461692869C92314
        ffffe0010afd4700 ffffe00100b4c1a0 0 ffffe000fe9c3640 \RPC Control\TermSrvApi
        ffffe0010ac22e40 ffffe001015eca50 0 ffffe000fe73e080 \Sessions\1\BaseNamedObjects\msctf.serverDefault1
        ffffe001093a46b0 ffffe000ffd944b0 0 ffffe00101fca900 \RPC Control\OLE6FAB873CEB8A01A900BB6C89EA7E
        ffffe00100f51660 ffffe00100e50090 0 ffffe001019f3900 \RPC Control\OLE5BB8085653D110B414538A51314E
        """;

    /// <summary>Adds them in the order in which they are to be listed; the processes have their threads.</summary>
    public static void Add(SystemBuilder system, IReadOnlyDictionary<ulong, ProcessBuilder> processes)
    {
        ProcessBuilder explorer = processes[ExplorerDesktop.Explorer];
        KernelStruct own = system.Alpc.ConnectionPort(explorer, @"\RPC Control\OLE68D95701484F75BAC07FBACD02B9", OlePort);
        foreach (string[] parts in Rows(Clients, 3))
            system.Alpc.Connect(processes[Hex(parts[2])], explorer, own, Place(system, Hex(parts[1])),
                Place(system, Hex(parts[0])));
        Dictionary<ulong, KernelStruct> ports = [];
        foreach (string[] parts in Rows(Servers, 5))
        {
            ulong address = Hex(parts[1]);
            ProcessBuilder server = processes[Hex(parts[3])];
            if (!ports.TryGetValue(address, out KernelStruct port))
                ports.Add(address, port = system.Alpc.ConnectionPort(server, parts[4], Place(system, address)));
            AlpcConnection connection = system.Alpc.Connect(explorer, server, port, Place(system, Hex(parts[0])));
            system.Alpc.Outstanding(connection, int.Parse(parts[2]));
        }
    }

    /// <summary>
    /// Where a port is to lie. Threads are larger in later builds than in 8.1, to which the addresses belong: one of them reaches
    /// into a port there, which lies behind it then.
    /// </summary>
    private static ulong Place(SystemBuilder system, ulong address)
    {
        ulong size = (ulong)system.Layout.Size("_ETHREAD"), header = (ulong)system.Layout.Offset("_OBJECT_HEADER", "Body");
        foreach (ThreadBuilder thread in system.Threads)
            if (address - header - thread.Address < size)
                return address + 0x100;
        return address;
    }

    private static IEnumerable<string[]> Rows(string text, int parts) =>
        // A backslash joins two lines to one.
        text.Replace("\\\n", "", StringComparison.Ordinal).Split('\n', StringSplitOptions.TrimEntries)
            .Select(line => line.Split(' ', parts));

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber);
}
