using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Stops over disks that do not read and adapters that do not answer: 0x7A, 0x77, 0x154, 0x18B, 0x10E, 0x116 to 0x119, 0x141, 0x7B, 0xED.</summary>
internal static class DeviceStops
{
    private const uint BadSectors = 0xc000009c, IoDeviceError = 0xc0000185, NoResources = 0xc000009a, InPageError = 0xc0000006;

    /// <summary>A page of a file, whose read is described: the disk has bad sectors.</summary>
    public static ForgedStop InPageFile(KernelLayout layout)
    {
        StopScene scene = Innocent(layout, "stop-7a-file", 0x7a, out ThreadBuilder thread);
        ForgedModule disk = scene.Driver("litedisk.sys", "Litware Storage", "7.1.0.3");
        RequestObjects requests = scene.System.Requests;
        KernelStruct file = requests.File(requests.Device(requests.Driver(disk)), @"\Windows\System32\config\SOFTWARE");
        ulong support = scene.Place(new byte[0x120]);
        bool isKnown = layout.Types.ContainsKey("_MMINPAGE_SUPPORT");
        if (isKnown)
            scene.System.Struct("_MMINPAGE_SUPPORT", support).Set("Thread", thread.Address).Set("FilePointer", file.Address | 1);
        scene.System.TriageMemory.Add((file.Address, layout.Size("_FILE_OBJECT")));
        scene.System.TriageMemory.Add((file.Get("FileName.Buffer"), 0x80));
        Set(scene, 4, BadSectors, support, 0xffffb18d12345678);
        return scene.Complete(new StopTruth("Device", "Inferred", null,
            ["bad sectors", "ffffb18d12345678", isKnown ? @"\Windows\System32\config\SOFTWARE" : "do not have _MMINPAGE_SUPPORT"]));
    }

    /// <summary>The first kind, with the process, as a real dump has it; no device reported an error.</summary>
    public static ForgedStop InPageProcess(KernelLayout layout)
    {
        StopScene scene = Innocent(layout, "stop-7a-process", 0x7a, out ThreadBuilder thread);
        Set(scene, 1, 0xc0000005, thread.Process.Address, 0xffffb18d12345678);
        return scene.Complete(new StopTruth("Hardware", "Candidate", null, "no device reported an error", "process"));
    }

    /// <summary>The third kind, with a page table entry: memory was used up.</summary>
    public static ForgedStop InPageEntry(KernelLayout layout)
    {
        StopScene scene = Innocent(layout, "stop-7a-pte", 0x7a, out _);
        Set(scene, 0xfffff6c012345678, NoResources, 0x8a00000123456863, 0xffffb18d12345678);
        return scene.Complete(new StopTruth("Unknown", "Inferred", null, "used up", "page table entry", "!poolwho"));
    }

    /// <summary>A kernel stack that the disk does not give back.</summary>
    public static ForgedStop StackRead(KernelLayout layout)
    {
        StopScene scene = Innocent(layout, "stop-77", 0x77, out _);
        Set(scene, IoDeviceError, IoDeviceError, 0, 0x123000);
        return scene.Complete(new StopTruth("Device", "Inferred", null, "kernel stack", "STATUS_IO_DEVICE_ERROR"));
    }

    /// <summary>A kernel stack that came back without its mark.</summary>
    public static ForgedStop StackMark(KernelLayout layout)
    {
        StopScene scene = Innocent(layout, "stop-77-mark", 0x77, out _);
        Set(scene, 1, 0, 0, 0xffffd00012345ff8);
        return scene.Complete(new StopTruth("Hardware", "Inferred", null, "mark", "the disk"));
    }

    /// <summary>The store of compressed pages could not read a page of its own.</summary>
    public static ForgedStop Store(KernelLayout layout)
    {
        StopScene scene = Innocent(layout, "stop-154", 0x154, out _);
        ulong record = scene.Place(new byte[0x98]), pointers = scene.Place(new byte[0x10]);
        scene.System.Kernel.WritePointer(pointers, record);
        scene.System.Struct("_EXCEPTION_RECORD", record).Set("ExceptionCode", InPageError)
            .Set("ExceptionAddress", scene.System.Nt.Base + 0x1000).Set("NumberParameters", 3)
            .Set("ExceptionInformation[0]", 0).Set("ExceptionInformation[1]", 0x2030405060).Set("ExceptionInformation[2]", BadSectors);
        Set(scene, 0xffffab06b0030000, pointers, 2, 0);
        return scene.Complete(new StopTruth("Device", "Inferred", null, "bad sectors", "compressed memory", "STATUS_IN_PAGE_ERROR"));
    }

    /// <summary>The secure kernel.</summary>
    public static ForgedStop SecureKernel(KernelLayout layout)
    {
        StopScene scene = Innocent(layout, "stop-18b", 0x18b, out _);
        Set(scene, 0x17, 0xc0000005, 0, 0);
        return scene.Complete(new StopTruth("Unknown", "Inferred", null, "secure kernel", "VTL 1"));
    }

    /// <summary>An adapter that did not come back.</summary>
    public static ForgedStop Recovery(KernelLayout layout) => Recovery(layout, 0x116, "stop-116", "did not come back");

    /// <summary>An adapter that was reset, in a live dump.</summary>
    public static ForgedStop Detected(KernelLayout layout) => Recovery(layout, 0x117, "stop-117", "the system went on");

    /// <summary>One engine of an adapter that was reset, in a live dump.</summary>
    public static ForgedStop Engine(KernelLayout layout) => Recovery(layout, 0x141, "stop-141", "the system went on");

    /// <summary>The manager of video memory finds that a driver has broken its rules.</summary>
    public static ForgedStop VideoMemory(KernelLayout layout)
    {
        StopScene scene = new(layout, "stop-10e", 0x10e);
        ForgedModule driver = scene.Driver("glowkmd.sys", "Trey Graphics", "27.20.1.4");
        foreach (string module in (string[])["watchdog.sys", "dxgmms2.sys"])
            scene.System.Modules.AddDriver(module);
        scene.Stops("watchdog!WdLogEvent5_WdCriticalError+0xe0\ndxgmms2!VIDMM_GLOBAL::EvictOneAllocation+0x2a1\nglowkmd+0x1514");
        Set(scene, 0x33, scene.Kernel(0xffffab06b0031000), 0, 0);
        return scene.Complete(new StopTruth("Device", "Inferred", driver.FileName, "case 33", "glowkmd+0x1514"), driver);
    }

    /// <summary>A driver that failed to submit a command.</summary>
    public static ForgedStop Scheduler(KernelLayout layout)
    {
        StopScene scene = new(layout, "stop-119", 0x119);
        ForgedModule driver = scene.Driver("glowkmd.sys", "Trey Graphics", "27.20.1.4");
        scene.System.Modules.AddDriver("watchdog.sys");
        scene.Stops("watchdog!WdLogEvent5_WdCriticalError+0xe0\nglowkmd+0x1514");
        Set(scene, 2, 0xffffffffc000000d, 0, 0);
        // The watchdog of Windows calls for the stop; its caller's module is the first that is not Windows'.
        return scene.Complete(new StopTruth("Device", "Inferred", driver.FileName, "submit a command", "STATUS_INVALID_PARAMETER"), driver);
    }

    /// <summary>Memory ran out in the graphics scheduler.</summary>
    public static ForgedStop SchedulerMemory(KernelLayout layout)
    {
        StopScene scene = Innocent(layout, "stop-119-memory", 0x119, out _);
        Set(scene, 0xe00, 0, 0, 0);
        return scene.Complete(new StopTruth("Unknown", "Inferred", null, "memory ran out"));
    }

    /// <summary>The disk to start from.</summary>
    public static ForgedStop BootDevice(KernelLayout layout)
    {
        StopScene scene = Innocent(layout, "stop-7b", 0x7b, out _);
        ulong name = scene.Place(new byte[0x10]);
        scene.System.WriteText(name, @"\ArcName\multi(0)disk(0)rdisk(0)partition(2)");
        scene.System.TriageMemory.Add((scene.System.Struct("_UNICODE_STRING", name).Get("Buffer"), 0x80));
        Set(scene, name, 0xffffffffc0000034, 0, 0);
        return scene.Complete(new StopTruth("Device", "Inferred", null, "rdisk(0)partition(2)", "STATUS_OBJECT_NAME_NOT_FOUND"));
    }

    /// <summary>The volume to start from.</summary>
    public static ForgedStop BootVolume(KernelLayout layout)
    {
        StopScene scene = Innocent(layout, "stop-ed", 0xed, out _);
        Set(scene, 0xffffab06b0030080, 0xffffffffc0000032, 0, 0);
        return scene.Complete(new StopTruth("Device", "Inferred", null, "mounted", "STATUS_DISK_CORRUPT_ERROR"));
    }

    private static ForgedStop Recovery(KernelLayout layout, uint code, string name, string words)
    {
        StopScene scene = new(layout, name, code);
        ForgedModule driver = scene.Driver("glowkmd.sys", "Trey Graphics", "27.20.1.4");
        scene.System.Modules.AddDriver("dxgkrnl.sys");
        scene.Stops("dxgkrnl!TdrBugcheckOnTimeout+0xfe\ndxgkrnl!TdrIsRecoveryRequired+0x1a8");
        // TDR_RECOVERY_CONTEXT: signature, state, reason, time, adapter. Of x86 only the signature is known.
        ulong context = scene.Place(new ByteWriter().U64(0x52445476).U64(0xffffab06b0031000).U64(9).U64(0xb2).U64(0xffffab06b0032010)
            .Zero(0x60).ToArray());
        Set(scene, context, driver.Base + 0x1a40, 0xffffffffc0000001, 4);
        return scene.Complete(new StopTruth("Device", "Inferred", driver.FileName,
            scene.IsNarrow ? [words, "glowkmd+0x1a40"] : [words, "glowkmd+0x1a40", "reason 9", "ffffab06b0032010"]), driver);
    }

    private static StopScene Innocent(KernelLayout layout, string name, uint code, out ThreadBuilder thread)
    {
        StopScene scene = new(layout, name, code);
        scene.Driver("innocent.sys", "Contoso", "1.0.0.1");
        thread = scene.Stops("nt!MiWaitForInPageComplete+0x2f1\nnt!MmAccessFault+0x1a1\ninnocent+0x1440");
        return scene;
    }

    private static void Set(StopScene scene, params ReadOnlySpan<ulong> parameters) => parameters.CopyTo(scene.Parameters);
}
