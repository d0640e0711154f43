namespace HangAnalysis.DumpForge.Layouts;

/// <summary>
/// Types that public PDBs of storport and classpnp have, with the members of 17763 in their order and with offsets of the
/// forge's own: no build has these, so that a reader that knows an offset by heart fails.
/// </summary>
public static class StorageTypes
{
    private const string Byte = "unsigned char", Long = "unsigned long", Quad = "unsigned long long", Pointer = "*void";

    private static readonly (string Type, (string Field, string Type)[] Fields)[] s_storport =
    [
        ("_LIST_ENTRY", [("Flink", "*_LIST_ENTRY"), ("Blink", "*_LIST_ENTRY")]),
        ("_STOR_EVENT_QUEUE_ENTRY", [("NextLink", "_LIST_ENTRY"), ("Timeout", Long)]),
        ("_STOR_EVENT_QUEUE", [("Lock", Quad), ("List", "_LIST_ENTRY"), ("Timeout", Long)]),
        ("_EXTENDED_DEVICE_QUEUE",
        [
            ("Type", "short"), ("Size", "short"), ("Depth", Long), ("Lock", Quad), ("DeviceCount", Long), ("PauseCount", Long),
            ("BusyCount", Long), ("Frozen", Byte), ("Locked", Byte), ("PowerLocked", Byte), ("OutstandingCount", Long),
            ("DeviceList", "_LIST_ENTRY"), ("ByPassList", "_LIST_ENTRY"),
        ]),
        ("_IO_QUEUE", [("DeviceObject", Pointer), ("StartIoRoutine", Pointer), ("DeviceQueue", "_EXTENDED_DEVICE_QUEUE")]),
        ("_STOR_IO_GATEWAY",
            [("BusyCount", Long), ("PauseCount", Long), ("Outstanding", Long), ("LowWaterMark", Long), ("OutstandingMax", Long)]),
        ("_RAID_ADAPTER_EXTENSION",
        [
            ("ObjectType", "_RAID_OBJECT_TYPE"), ("DeviceObject", Pointer), ("Driver", Pointer), ("LowerDeviceObject", Pointer),
            ("UnitList", "_LIST_ENTRY"), ("Gateway", "_STOR_IO_GATEWAY"),
        ]),
        ("_RAID_UNIT_FLAGS", [("Unresponsive", Long + ":1@3"), ("PoweringDown", Long + ":1@6"), ("PendingTimer", Long + ":1@9")]),
        ("_RAID_UNIT_EXTENSION",
        [
            ("ObjectType", "_RAID_OBJECT_TYPE"), ("DeviceObject", Pointer), ("Adapter", "*_RAID_ADAPTER_EXTENSION"),
            ("DeviceState", "_DEVICE_STATE"), ("Flags", "_RAID_UNIT_FLAGS"), ("PendingQueue", "_STOR_EVENT_QUEUE"),
            ("IoQueue", "_IO_QUEUE"), ("OutstandingCount", Long), ("DefaultTimeout", Long), ("ResetCount", Long),
        ]),
        ("_EXTENDED_REQUEST_BLOCK",
        [
            ("Signature", Long), ("PendingLink", "_STOR_EVENT_QUEUE_ENTRY"), ("Irp", Pointer), ("Srb", Pointer),
            ("Adapter", "*_RAID_ADAPTER_EXTENSION"), ("Unit", "*_RAID_UNIT_EXTENSION"), ("AbortInProgress", Byte),
            ("RequestStartTimeStamp", Quad), ("RequestMiniportDuration", Quad),
        ]),
    ];

    private static readonly (string Type, (string Field, string Type)[] Fields)[] s_classpnp =
    [
        ("_LIST_ENTRY", [("Flink", "*_LIST_ENTRY"), ("Blink", "*_LIST_ENTRY")]),
        ("_TRANSFER_PACKET",
        [
            ("AllPktsListEntry", "_LIST_ENTRY"), ("Irp", Pointer), ("Fdo", Pointer), ("OriginalIrp", Pointer), ("NumRetries", Long),
            ("NumIoTimeoutRetries", Long), ("TimedOut", Byte), ("RequestStartTime", Quad),
        ]),
        ("_CLASS_PRIVATE_FDO_DATA",
            [("PowerProcessIrp", Pointer), ("AllTransferPacketsList", "_LIST_ENTRY"), ("NumHighPriorityPagingIo", Long)]),
        ("_FUNCTIONAL_DEVICE_EXTENSION",
        [
            ("Version", Long), ("DeviceObject", Pointer), ("TimeOutValue", Long), ("ErrorCount", Long),
            ("DevicePowerState", "_DEVICE_POWER_STATE"), ("PowerDownInProgress", Byte),
            ("PrivateFdoData", "*_CLASS_PRIVATE_FDO_DATA"),
        ]),
    ];

    /// <summary>Types of storport.sys.</summary>
    public static KernelLayout Storport(KernelLayout kernel) => Layout(kernel, s_storport, new()
    {
        ["_RAID_OBJECT_TYPE"] = Values("RaidUnknownObject", "RaidDriverObject", "RaidUnitObject", "RaidAdapterObject"),
        ["_DEVICE_STATE"] = Values("DeviceStateNotPresent", "DeviceStateStopped", "DeviceStateWorking"),
    });

    /// <summary>Types of classpnp.sys.</summary>
    public static KernelLayout Classpnp(KernelLayout kernel) => Layout(kernel, s_classpnp, new()
    {
        ["_DEVICE_POWER_STATE"] = Values("PowerDeviceUnspecified", "PowerDeviceD0", "PowerDeviceD1", "PowerDeviceD2", "PowerDeviceD3"),
    });

    private static Dictionary<string, long> Values(params string[] names) =>
        names.Index().ToDictionary(n => n.Item, n => (long)n.Index, StringComparer.Ordinal);

    /// <summary>Places members in order, with a gap before each that no build has.</summary>
    private static KernelLayout Layout(KernelLayout kernel, (string Type, (string Field, string Type)[] Fields)[] types,
        Dictionary<string, IReadOnlyDictionary<string, long>> enums)
    {
        const int Gap = 0x18, Alignment = 8;
        Dictionary<string, TypeDefinition> laid = new(StringComparer.Ordinal);
        foreach ((string name, (string Field, string Type)[] members) in types)
        {
            List<LayoutField> fields = [];
            int at = 0;
            foreach ((string field, string type) in members)
            {
                bool isBit = type.Contains(':', StringComparison.Ordinal);
                // Bits share one unit; the two links of a list are always together, as its type is the kernel's too.
                if (!isBit && name != "_LIST_ENTRY" && fields.Count > 0)
                    at += Gap;
                fields.Add(new LayoutField(field, isBit ? 0 : at, type));
                if (!isBit)
                    at = at + Size(type, laid, enums) + Alignment - 1 & ~(Alignment - 1);
            }
            laid.Add(name, new TypeDefinition(name, false, Math.Max(at, Alignment), fields));
        }
        return new KernelLayout(kernel.Identity, laid, enums, new Dictionary<string, uint>());
    }

    private static int Size(string type, Dictionary<string, TypeDefinition> laid,
        Dictionary<string, IReadOnlyDictionary<string, long>> enums) =>
        type.StartsWith('*') ? 8 : laid.TryGetValue(type, out TypeDefinition? known) ? known.Size
        : enums.ContainsKey(type) ? 4 : TypeText.SimpleSize(type) ?? throw new ArgumentException($"no size of {type}");
}
