using System.Text;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Stops by the system's checkers, and codes with few words: 0xC4, 0xC9, 0xC1, 0xCB, 0x76, 0xE6, 0x109, 0x24, 0x44, 0x18, 0x4A.</summary>
internal static class CheckerStops
{
    private const string Driver = "lockflt";

    /// <summary>A driver that asks for pool at a wrong IRQL.</summary>
    public static ForgedStop Allocation(KernelLayout layout) => Named(layout, "stop-c4-pool", 0xc4, "Inferred",
        "nt!VerifierBugCheckIfAppropriate+0xdf\nnt!VfReportIssueWithOptions+0x103\nnt!ViAllocationCheck+0x4a\nnt!VerifierExAllocatePoolEx+0x2f",
        [1, 2, 1, 0x40], "paged pool above APC_LEVEL", "DISPATCH_LEVEL", "lockflt+0x1514");

    /// <summary>The same by the checker's extension.</summary>
    public static ForgedStop Rule(KernelLayout layout)
    {
        StopScene scene = Scene(layout, "stop-c4-rule", 0xc4, "nt!VerifierBugCheckIfAppropriate+0xdf\nVerifierExt!SLIC_abort+0x4a", out ForgedModule driver);
        scene.Parameters[0] = 0x20005;
        scene.Parameters[1] = scene.Place(Encoding.ASCII.GetBytes("IrqlExAllocatePool must be called at a lower level\0"));
        return scene.Complete(new StopTruth("Module", "Inferred", driver.FileName, "DDI compliance", "IrqlExAllocatePool must"), driver);
    }

    /// <summary>A driver that was unloaded and left pool behind: the checker names it.</summary>
    public static ForgedStop Unloaded(KernelLayout layout)
    {
        StopScene scene = Scene(layout, "stop-c4-unload", 0xc4, "nt!VerifierBugCheckIfAppropriate+0xdf\nnt!VfPoolCheckForLeaks+0x43", out _);
        ulong name = scene.Place(new byte[0x10]);
        scene.System.WriteText(name, "leakflt.sys");
        scene.System.TriageMemory.Add((scene.System.Struct("_UNICODE_STRING", name).Get("Buffer"), 0x20));
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[3]) = (0x62, name, 12);
        return scene.Complete(new StopTruth("Module", "Proven", "leakflt.sys", "left pool behind", "12 blocks"));
    }

    /// <summary>A disk that returned other data than were written.</summary>
    public static ForgedStop DiskChecksum(KernelLayout layout)
    {
        StopScene scene = Scene(layout, "stop-c4-disk", 0xc4, "nt!VerifierBugCheckIfAppropriate+0xdf", out _);
        (scene.Parameters[0], scene.Parameters[3]) = (0xa0, 0x1234);
        return scene.Complete(new StopTruth("Device", "Inferred", null, "other data than were written", "sector"));
    }

    /// <summary>A driver that completes a request wrongly.</summary>
    public static ForgedStop Request(KernelLayout layout) => Named(layout, "stop-c9", 0xc9, "Inferred",
        "nt!VfBugcheckThrowIoException+0x2f\nnt!IovpCompleteRequest1+0x60", [7, 0, 0xffffab06b0030010, 0], "cancel routine set");

    /// <summary>Special pool that was written beyond its end: found when its owner frees it.</summary>
    public static ForgedStop SpecialPool(KernelLayout layout) => Named(layout, "stop-c1", 0xc1, "Candidate",
        "nt!MmFreeSpecialPool+0x3b3\nnt!ExFreePoolWithTag+0x1105", [0xffffab06b0030f00, 0xffffab06b0030ff8, 0xf8, 0x24],
        "beyond the end", "ffffab06b0030ff8", "owner of the block");

    /// <summary>Pages that a driver left locked; the kernel keeps who locked them.</summary>
    public static ForgedStop LockedPages(KernelLayout layout)
    {
        StopScene scene = Scene(layout, "stop-cb", 0xcb, "nt!MmDeleteProcessAddressSpace+0x5f", out ForgedModule driver, calls: false);
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[2], scene.Parameters[3]) =
            (driver.Base + 0x1a40, driver.Base + 0x2468, 0xffffab06b0030010, 3);
        return scene.Complete(new StopTruth("Module", "Proven", driver.FileName, "lockflt+0x1a40", "left pages of a process locked", "pages that are locked"), driver);
    }

    /// <summary>The same without a record of who it was.</summary>
    public static ForgedStop ProcessLockedPages(KernelLayout layout)
    {
        StopScene scene = Scene(layout, "stop-76", 0x76, "nt!MmDeleteProcessAddressSpace+0x5f", out _, calls: false);
        scene.Parameters[2] = 3;
        return scene.Complete(new StopTruth("Unknown", "Inferred", null, "TrackLockedPages"));
    }

    /// <summary>A driver's device that accesses memory it was not given.</summary>
    public static ForgedStop Dma(KernelLayout layout) => Named(layout, "stop-e6", 0xe6, "Inferred",
        "nt!ViHalPreprocessOptions+0x2f\nnt!VfBuildScatterGatherList+0x60", [0x26, 0, 0, 0], "direct memory access", "DMA remapping");

    /// <summary>The kernel's code was changed.</summary>
    public static ForgedStop PatchGuard(KernelLayout layout)
    {
        StopScene scene = Scene(layout, "stop-109", 0x109, "nt!MiCheckProcess+0x21", out _);
        (scene.Parameters[2], scene.Parameters[3]) = (scene.System.Nt.Base + 0x1000, 1);
        return scene.Complete(new StopTruth("Corruption", "Inferred", null, "a function, or its unwind data"));
    }

    /// <summary>A file system without an exception.</summary>
    public static ForgedStop FileSystem(KernelLayout layout)
    {
        StopScene scene = Scene(layout, "stop-24", 0x24, "nt!MiCheckProcess+0x21", out _, calls: false);
        scene.Parameters[0] = 0x1904fb;
        return scene.Complete(new StopTruth("Device", "Candidate", null, "file 19, line 1275"));
    }

    /// <summary>A request that was completed twice: the second is caught, the first is not known.</summary>
    public static ForgedStop CompletedTwice(KernelLayout layout)
    {
        StopScene scene = Scene(layout, "stop-44", 0x44, "nt!IofCompleteRequest+0x1b1", out ForgedModule driver);
        scene.Parameters[0] = 0xffffab06b0030010;
        return scene.Complete(new StopTruth("Module", "Candidate", driver.FileName, "completed before", "!irp ffffab06b0030010"), driver);
    }

    /// <summary>A reference that is given back once too often.</summary>
    public static ForgedStop Reference(KernelLayout layout) => Named(layout, "stop-18", 0x18, "Candidate",
        "nt!ObfDereferenceObject+0x77", [0, 0xffffab06b0030010, 1, 0], "none left");

    /// <summary>A system call that returns at a raised IRQL: whoever raised it is gone.</summary>
    public static ForgedStop RaisedIrql(KernelLayout layout)
    {
        StopScene scene = Scene(layout, "stop-4a", 0x4a, "nt!KiSystemServiceExitPico+0x1fe", out _, calls: false);
        (scene.Parameters[0], scene.Parameters[1]) = (0x7ffe86321234, 2);
        return scene.Complete(new StopTruth("Unknown", "Inferred", null, "DISPATCH_LEVEL", "not on the stack any more"));
    }

    private static ForgedStop Named(
        KernelLayout layout, string name, uint code, string certainty, string frames, ulong[] parameters, params string[] figures)
    {
        StopScene scene = Scene(layout, name, code, frames, out ForgedModule driver);
        parameters.CopyTo(scene.Parameters, 0);
        return scene.Complete(new StopTruth("Module", certainty, driver.FileName, figures), driver);
    }

    private static StopScene Scene(KernelLayout layout, string name, uint code, string frames, out ForgedModule driver, bool calls = true)
    {
        StopScene scene = new(layout, name, code);
        driver = scene.Driver($"{Driver}.sys", "Proseware Locks", "1.9.0.5");
        if (frames.Contains("VerifierExt!", StringComparison.Ordinal))
            scene.System.Modules.AddDriver("VerifierExt.sys");
        scene.Stops(calls ? $"{frames}\n{Driver}+0x1514\n{Driver}+0x2468" : frames);
        return scene;
    }
}
