using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Stops because hardware reported an error: 0x124, 0x9C.</summary>
internal static class HardwareStops
{
    // VAL, UC, EN, MISCV, ADDRV, PCC.
    private const ulong Fatal = 0xbe00_0000_0000_0000;

    /// <summary>A processor's cache: a machine check of bank 1, and the platform's section beside it.</summary>
    public static ForgedStop Cache(KernelLayout layout)
    {
        // 0001 0011 01 01: data read in the data cache of level 1.
        const ulong Status = Fatal | 0x0135;
        StopScene scene = Scene(layout, "stop-124-cache", 0, new ErrorRecord()
            .Section(ErrorRecord.ProcessorGeneric, Generic(), isPrimary: true)
            .Section(ErrorRecord.MachineCheck, ErrorRecord.Bank(3, 1, Status, 0x1_2345_6780)).Build());
        (scene.Parameters[2], scene.Parameters[3]) = (Status >> 32, Status & uint.MaxValue);
        return scene.Complete(new StopTruth("Hardware", "Proven", null,
            "processor 3", "bank 1", $"{Status:x16}", "L1 data cache", "123456780", "uncorrected", "processor context lost"));
    }

    /// <summary>A memory module, named by the platform.</summary>
    public static ForgedStop Memory(KernelLayout layout)
    {
        StopScene scene = Scene(layout, "stop-124-memory", 5, new ErrorRecord()
            .Section(ErrorRecord.Memory, ErrorRecord.MemoryPlace(0x3_1415_9000, 1, 0, 5, 2, 9, error: 3), isPrimary: true, part: "DIMM_B2")
            .Build());
        return scene.Complete(new StopTruth("Hardware", "Proven", null,
            "memory", "DIMM_B2", "node 1", "module 5", "bank 2", "device 9", "314159000", "multi-bit"));
    }

    /// <summary>A root port that got no answer from its device.</summary>
    public static ForgedStop PciExpress(KernelLayout layout)
    {
        // Completion time-out, fatal; beside it an unsupported request that is not.
        StopScene scene = Scene(layout, "stop-124-pcie", 4, new ErrorRecord()
            .Section(ErrorRecord.PciExpress, ErrorRecord.Port(0x8086, 0x2030, 0x17, 2, 0, 0x0010_4000, 0x4000), isPrimary: true).Build());
        return scene.Complete(new StopTruth("Hardware", "Proven", null,
            "8086:2030", "0000:17:02.0", "completion time-out", "root port", "unsupported request"));
    }

    /// <summary>A corrected error of memory beside the fatal one of the interconnect: the first is not what stopped it.</summary>
    public static ForgedStop Mixed(KernelLayout layout)
    {
        // 1PPT RRRR IILL: a timed-out request of this processor to memory, level generic.
        const ulong Status = Fatal | 0x0913;
        StopScene scene = Scene(layout, "stop-124-mixed", 0, new ErrorRecord()
            .Section(ErrorRecord.Memory, ErrorRecord.MemoryPlace(0x1000, 0, 0, 7, 0, 0, error: 2), severity: 2)
            .Section(ErrorRecord.MachineCheck, ErrorRecord.Bank(0, 5, Status), isPrimary: true).Build());
        (scene.Parameters[2], scene.Parameters[3]) = (Status >> 32, Status & uint.MaxValue);
        return scene.Complete(new StopTruth("Hardware", "Proven", null, "interconnect of processor 0", "timed out", "corrected"));
    }

    /// <summary>The record is not in the dump: the parameters alone speak.</summary>
    public static ForgedStop Unread(KernelLayout layout)
    {
        const ulong Status = Fatal | 0x0400;
        StopScene scene = new(layout, "stop-124-unread", 0x124);
        (scene.Parameters[1], scene.Parameters[2], scene.Parameters[3]) = (0xffffab06b1fff028, Status >> 32, Status & uint.MaxValue);
        scene.Stops("nt!WheaReportHwError+0x3ce\nnt!HalpMcaReportError+0x53");
        return scene.Complete(new StopTruth("Hardware", "Inferred", null, "internal timer", "ffffab06b1fff028"));
    }

    /// <summary>A driver reports an error of its device: the only source that leads to one.</summary>
    public static ForgedStop Driver(KernelLayout layout)
    {
        StopScene scene = new(layout, "stop-124-driver", 0x124);
        ForgedModule driver = scene.Driver("hbaraid.sys", "Litware Storage", "7.1.0.3");
        scene.Parameters[0] = 0x10;
        scene.Parameters[1] = scene.Place(new ErrorRecord()
            .Section("11111111-2222-3333-4444-555555555555", new byte[16], isPrimary: true).Build());
        scene.Stops("nt!WheaReportHwError+0x3ce\nnt!WheaReportHwErrorDeviceDriver+0x12e\nhbaraid+0x1510\nhbaraid+0x2240");
        return scene.Complete(new StopTruth("Device", "Inferred", driver.FileName, "device driver",
            "11111111-2222-3333-4444-555555555555"), driver);
    }

    /// <summary>The old code for machine checks.</summary>
    public static ForgedStop MachineCheck(KernelLayout layout)
    {
        // 0000 0000 1MMM CCCC: a read, channel 2.
        const ulong Status = Fatal | 0x0092;
        StopScene scene = new(layout, "stop-9c", 0x9c);
        (scene.Parameters[0], scene.Parameters[2], scene.Parameters[3]) = (8, Status >> 32, Status & uint.MaxValue);
        scene.Stops("nt!HalpMcaReportError+0x53");
        return scene.Complete(new StopTruth("Hardware", "Proven", null, "bank 8", "memory controller", "channel 2", "a read"));
    }

    private static StopScene Scene(KernelLayout layout, string identity, ulong source, byte[] record)
    {
        StopScene scene = new(layout, identity, 0x124);
        scene.Parameters[0] = source;
        scene.Parameters[1] = scene.Place(record);
        // A driver that happened to run is on the stack: it has nothing to do with it.
        scene.Driver("innocent.sys", "Contoso", "1.0.0.1");
        scene.Stops("nt!WheaReportHwError+0x3ce\nnt!HalpMcaReportError+0x53\ninnocent+0x1440");
        return scene;
    }

    // Valid: kind of error and operation; a cache, on a read of data.
    private static byte[] Generic() => new ByteWriter().U64(0xc).U8(0).U8(2).U8(1).U8(1).Zero(0xb4).ToArray();
}
