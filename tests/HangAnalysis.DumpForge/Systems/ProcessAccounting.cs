namespace HangAnalysis.DumpForge.Systems;

/// <summary>Who a process runs as: a security identifier, and the names that its environment has.</summary>
public sealed record Account(string Domain, string Name, params uint[] Authorities)
{
    /// <summary>The operating system: S-1-5-18 (well-known SIDs of Windows' documentation, as the next ones).</summary>
    public static Account System { get; } = new("WORKGROUP", "MYPC$", 18);

    public static Account LocalService { get; } = new("NT AUTHORITY", "LOCAL SERVICE", 19);

    public static Account NetworkService { get; } = new("NT AUTHORITY", "NETWORK SERVICE", 20);

    /// <summary>The user of a session: a member of the machine's own domain.</summary>
    public static Account User { get; } = new("MyPC", "admin", 21, 2726512140, 888677503, 3125549036, 1001);

    /// <summary>The identifier as it is printed.</summary>
    public string Sid => "S-1-5-" + string.Join('-', Authorities);

    /// <summary>The account of a process, given or the usual one.</summary>
    public static Account Of(ProcessBuilder process)
    {
        if (process.Account is { } account)
            return account;
        string command = process.CommandLine ?? "";
        if (process.Session != 0)
            return process.Name switch
            {
                "csrss.exe" or "winlogon.exe" => System,
                "dwm.exe" => new Account("Window Manager", $"DWM-{process.Session}", 90, 0, process.Session),
                _ => User,
            };
        return command.Contains("-k LocalService", StringComparison.Ordinal) ? LocalService
            : command.Contains("-k NetworkService", StringComparison.Ordinal)
            || command.Contains("-k RPCSS", StringComparison.Ordinal) ? NetworkService
            : System;
    }
}

/// <summary>What the memory manager counts of a process: pages, and bytes of address space and pool.</summary>
public sealed record ProcessMemory(
    ulong VirtualSize, ulong PeakVirtualSize, ulong WorkingSetPages, ulong PeakWorkingSetPages, ulong CommittedPages,
    ulong PagedPool, ulong NonPagedPool);

/// <summary>Writes tokens, handle tables and counters of all processes, and threads' affinities.</summary>
internal static class ProcessAccounting
{
    private const ulong TeraByte = 1ul << 40;

    public static void Write(SystemBuilder system)
    {
        foreach (ProcessBuilder process in system.Processes)
        {
            WriteToken(system, process);
            WriteMemory(system, process);
            if (!process.IsExited)
                WriteHandleTable(system, process);
        }
        Dictionary<ulong, ulong> affinities = [];
        foreach (ThreadBuilder thread in system.Threads)
            thread.Schedule.WriteAffinity(thread, system, affinities);
    }

    private static void WriteToken(SystemBuilder system, ProcessBuilder process)
    {
        const string Type = "_TOKEN";
        ulong at = system.Objects.Place(system.Layout.Size(Type), null, null);
        KernelStruct token = Zeros(system, Type, at);
        system.Objects.WriteHeader(at, "Token", null);
        Account account = Account.Of(process);
        // The user and the group of everybody, S-1-1-0. Attributes: mandatory, enabled by default, enabled (winnt.h).
        ulong groups = system.Pool.Take(2 * system.Layout.Size("_SID_AND_ATTRIBUTES"));
        WriteGroup(system, groups, WriteSid(system, 5, account.Authorities), 0);
        WriteGroup(system, groups + (ulong)system.Layout.Size("_SID_AND_ATTRIBUTES"), WriteSid(system, 1, 0), 7);
        token.Set("UserAndGroupCount", 2).Set("UserAndGroups", groups).Set("SessionId", process.Session);
        system.Kernel.Write(token.At("TokenSource"), "Advapi  "u8);
        // EX_FAST_REF: the lowest four bits (three of a pointer of 32) count references that are to be had without a lock.
        process.Struct.Set("Token", at | (system.Layout.PointerSize == 8 ? 0xfu : 7u));
    }

    private static void WriteGroup(SystemBuilder system, ulong at, ulong sid, ulong attributes) =>
        system.Struct("_SID_AND_ATTRIBUTES", at).Set("Sid", sid).Set("Attributes", attributes);

    private static ulong WriteSid(SystemBuilder system, byte authority, params ReadOnlySpan<uint> parts)
    {
        ulong at = system.Pool.Take(8 + 4 * parts.Length);
        system.Kernel.Write(at, [1, (byte)parts.Length, 0, 0, 0, 0, 0, authority]);
        for (int i = 0; i < parts.Length; i++)
            system.Kernel.WriteUInt32(at + 8 + 4 * (ulong)i, parts[i]);
        return at;
    }

    private static void WriteMemory(SystemBuilder system, ProcessBuilder process)
    {
        if (process.Pid == 0 || process.IsExited)
            return;
        ProcessMemory memory = process.Memory ?? Usual(system, process);
        // PS_QUOTA_TYPE: non-paged pool is 0, paged pool 1.
        process.Struct.Set("VirtualSize", memory.VirtualSize).Set("PeakVirtualSize", memory.PeakVirtualSize)
            .Set("CommitCharge", memory.CommittedPages).Set("CommitChargePeak", memory.CommittedPages + 100)
            .TrySet("NumberOfPrivatePages", memory.CommittedPages - memory.CommittedPages / 20);
        // Before 7 two of the quotas have other names.
        string quota = process.Struct.Has("ProcessQuotaUsage") ? "ProcessQuota" : "Quota";
        process.Struct.Set(quota + "Usage[0]", memory.NonPagedPool).Set(quota + "Usage[1]", memory.PagedPool)
            .Set(quota + "Peak[0]", memory.NonPagedPool).Set(quota + "Peak[1]", memory.PagedPool);
        // Since 14393 the working set's counters are in a part of MMSUPPORT_FULL.
        string support = process.Struct.Has("Vm.Instance.WorkingSetSize") ? "Vm.Instance." : "Vm.";
        process.Struct.Set(support + "WorkingSetSize", memory.WorkingSetPages)
            .Set(support + "PeakWorkingSetSize", memory.PeakWorkingSetPages);
    }

    private static ProcessMemory Usual(SystemBuilder system, ProcessBuilder process)
    {
        ulong threads = process.Struct.Get("ActiveThreads"), noise = ForgedModule.Hash($"{process.Name}{process.Pid}") % 1500;
        if (process.IsSystem)
            return new ProcessMemory(0x408000, 0xe88000, 35, 1200 + noise, 37, 0, 272);
        // Since 8.1 each process has the map of control flow guard: 2 TB of address space.
        ulong space = (system.Layout.Build >= 9600 && system.Layout.PointerSize == 8 ? 2 * TeraByte : 0) + (60 + 2 * threads << 20) + (noise << 12);
        ulong pages = 900 + 220 * threads + noise;
        return new ProcessMemory(space, space + (4ul << 20), pages, pages + pages / 10, pages / 2, 0x14000 + 0x1800 * threads,
            0x2000 + 0x300 * threads);
    }

    private static void WriteHandleTable(SystemBuilder system, ProcessBuilder process)
    {
        if (process.Pid == 0)
            return;
        const string Type = "_HANDLE_TABLE";
        ulong at = process.HandleTable != 0 ? process.HandleTable : system.Pool.Take(system.Layout.Size(Type));
        KernelStruct table = Zeros(system, Type, at);
        ulong threads = process.Struct.Get("ActiveThreads");
        ulong count = process.HandleCount ?? 40 + 17 * threads + ForgedModule.Hash($"{process.Name}{process.Pid}") % 60;
        table.Set("QuotaProcess", process.IsSystem ? 0 : process.Address).Set("UniqueProcessId", process.Pid)
            .Set("NextHandleNeedingPool", (count * 4 + 0x3ff & ~0x3fful) + 0x400).EmptyLists("HandleTableList");
        // Since 8 the number is that of its lists of free entries, of which one is part of the table.
        if (table.Has("FreeLists"))
            system.Struct("_HANDLE_TABLE_FREE_LIST", table.At("FreeLists")).Set("HandleCount", count)
                .Set("HighWaterMark", count + 20);
        else
            table.Set("HandleCount", count).TrySet("HandleCountHighWatermark", count + 20);
        process.Struct.Set("ObjectTable", at);
    }

    // Not among the structures that scenarios have made: their own are those that waits lead to.
    private static KernelStruct Zeros(SystemBuilder system, string type, ulong at)
    {
        system.Kernel.Write(at, new byte[system.Layout.Size(type)]);
        return system.Struct(type, at);
    }
}
