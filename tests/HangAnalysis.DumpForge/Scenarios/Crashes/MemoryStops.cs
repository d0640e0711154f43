using System.Text;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Stops over damaged page tables, page frames and pool: 0x1A, 0x4E, 0x12B, 0x19, 0xC2, 0x13A.</summary>
internal static class MemoryStops
{
    private const ulong Entry = 0xfffff6c0_1234_5678;

    /// <summary>One bit in a page table entry that should be zero, as two real dumps of one machine have it.</summary>
    public static ForgedStop SingleBit(KernelLayout layout) =>
        Simple(layout, "stop-1a-bit", 0x1a, "Hardware", CorruptParameters(layout, 0x20_0000_0000), "bit 37", "fffff6c012345678", "2000000000");

    /// <summary>An entry with more than one bit: that may have been anybody.</summary>
    public static ForgedStop CorruptEntry(KernelLayout layout) =>
        Simple(layout, "stop-1a-entry", 0x1a, "Corruption", CorruptParameters(layout, 0x20_0000_0041), "page table entry is corrupt");

    /// <summary>Those of x86 hold an entry of 64 bits in two of them.</summary>
    private static ulong[] CorruptParameters(KernelLayout layout, ulong entry) => layout.PointerSize == sizeof(ulong)
        ? [0x41792, Entry, entry, 0] : [0x41792, Entry, entry & uint.MaxValue, entry >> 32];

    /// <summary>Page table and page frame database differ by one bit.</summary>
    public static ForgedStop Disagree(KernelLayout layout) =>
        Simple(layout, "stop-1a-403", 0x1a, "Hardware", [0x403, Entry, 0x8a00_0001_2345_6963, 0x8a00_0001_2345_6863], "bit 8 ");

    /// <summary>A checksum of a page from the page file: a disk or memory, not proven which.</summary>
    public static ForgedStop Checksum(KernelLayout layout) =>
        Simple(layout, "stop-1a-3f", 0x1a, "Hardware", [0x3f, 0x1_2345, 0xcafe, 0xbabe], "page file") is var stop
            ? stop with { Truth = stop.Truth with { Certainty = "Candidate" } } : stop;

    /// <summary>A driver's MDL with a page that is not locked.</summary>
    public static ForgedStop Mdl(KernelLayout layout) =>
        Caller(layout, "stop-1a-mdl", 0x1a, [0x1236, 0xffffab06b0020000, 0xffffab06b0020030, 0x1_8000], "nt!MmBuildMdlForNonPagedPool+0x91",
            "not locked", "dmaflt+0x1514");

    /// <summary>A sub-code that is not documented.</summary>
    public static ForgedStop Undocumented(KernelLayout layout) =>
        Simple(layout, "stop-1a-other", 0x1a, "Corruption", [0x7abcde, 0, 0, 0], "case 7abcde");

    /// <summary>The page frame database.</summary>
    public static ForgedStop PageFrame(KernelLayout layout) =>
        Simple(layout, "stop-4e", 0x4e, "Corruption", [0x99, 0x1_2345, 2, 0], "page frame");

    /// <summary>Pages that a driver unlocked once too often.</summary>
    public static ForgedStop Unlocked(KernelLayout layout) =>
        Caller(layout, "stop-4e-unlock", 0x4e, [7, 0x1_2345, 1, 0], "nt!MmUnlockPages+0x2f1", "unlocked a page more often", "dmaflt+0x1514");

    /// <summary>A page that the system itself found changed.</summary>
    public static ForgedStop FaultyPage(KernelLayout layout) =>
        Simple(layout, "stop-12b", 0x12b, "Hardware", [0xffffffff_c00002c4, 0x2dc, 0xd5a_1230, 0xffffab06b0028000], "check value", "memory is defective");

    /// <summary>A page that should be zero.</summary>
    public static ForgedStop NotZero(KernelLayout layout) =>
        Simple(layout, "stop-127", 0x127, "Corruption", [0xffffab06b0028000, 0x1_2345, 0, 0], "zeros");

    /// <summary>A damaged pool header; the block before it, of another driver, may have been overrun.</summary>
    public static ForgedStop PoolHeader(KernelLayout layout)
    {
        StopScene scene = Innocent(layout, "stop-19", 0x19);
        ulong page = Row(scene, (0x20, "Ntf0"), (0x18, "Leak"), (0x10, "File"), (0x08, "MmSt"));
        ulong unit = Unit(layout), damaged = page + 0x38 * unit;
        // What overran it was text.
        scene.System.Kernel.Write(damaged, Encoding.ASCII.GetBytes(scene.IsNarrow ? "overrun!" : "overrun!\0\0\0\0"));
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[2]) = (0x20, damaged, damaged + 0x100);
        return scene.Complete(new StopTruth("Corruption", "Inferred", null, "'Leak'", $"{0x18 * unit} bytes", "overrun", $"{page + 0x20 * unit:x16}"));
    }

    /// <summary>A whole block that is freed twice: its caller and whoever freed it first are both candidates.</summary>
    public static ForgedStop FreedTwice(KernelLayout layout)
    {
        StopScene scene = Called(layout, "stop-c2-free", 0xc2, "nt!ExFreePoolWithTag+0x1105", out ForgedModule driver);
        ulong page = Row(scene, (0x20, "Ntf0"), (0x18, "Dma1"), (0x10, "File"));
        (scene.Parameters[0], scene.Parameters[2], scene.Parameters[3]) = (7, 0x0018_0020, page + 0x21 * Unit(layout));
        return scene.Complete(new StopTruth("Module", "Candidate", driver.FileName, "is free", "'Dma1'", "'Ntf0'", "'File'"), driver);
    }

    /// <summary>A block that is freed under a wrong tag.</summary>
    public static ForgedStop WrongTag(KernelLayout layout) =>
        Caller(layout, "stop-c2-tag", 0xc2, [0xa, 0xffffab06b0020010, 0x31616d44, 0x32616d44], "nt!ExFreePoolWithTag+0x1105", "'Dma1'", "'Dma2'", "another tag");

    /// <summary>An allocation without a tag; the stop records the caller.</summary>
    public static ForgedStop NoTag(KernelLayout layout)
    {
        StopScene scene = Called(layout, "stop-c2-notag", 0xc2, "nt!ExAllocatePoolWithTag+0x55", out ForgedModule driver);
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[2], scene.Parameters[3]) = (0x9b, 0x200, 0x40, driver.Base + 0x2468);
        return scene.Complete(new StopTruth("Module", "Proven", driver.FileName, "without a tag", "dmaflt+0x2468"), driver);
    }

    /// <summary>A corrupt header that the allocator trips over.</summary>
    public static ForgedStop CorruptBlock(KernelLayout layout) =>
        Simple(layout, "stop-c2-header", 0xc2, "Corruption", [1, 0xffffab06b0020000, 0x41414141, 0], "header of a block is corrupt");

    /// <summary>A driver writes to pool that it has freed, and the checker of freed pool sees it at once.</summary>
    public static ForgedStop FreedPool(KernelLayout layout) => Caller(layout, "stop-c6", 0xc6, [0xffffab06b0020010, 1, 0, 0],
        "nt!MmAccessFault+0x1a1", "that is freed", "write", "kernel", "dmaflt+0x1514");

    /// <summary>The heap that pool is made of.</summary>
    public static ForgedStop Heap(KernelLayout layout) =>
        Simple(layout, "stop-13a", 0x13a, "Corruption", [0x12, 0xffffab06b0010100, 0xffffab06b0020000, 0], "invalid", "after it was freed");

    /// <summary>A stop whose stack has a driver that only came upon it.</summary>
    private static ForgedStop Simple(KernelLayout layout, string name, uint code, string cause, ulong[] parameters, params string[] figures)
    {
        StopScene scene = Innocent(layout, name, code);
        parameters.CopyTo(scene.Parameters, 0);
        return scene.Complete(new StopTruth(cause, "Inferred", null, figures));
    }

    private static ForgedStop Caller(KernelLayout layout, string name, uint code, ulong[] parameters, string function, params string[] figures)
    {
        StopScene scene = Called(layout, name, code, function, out ForgedModule driver);
        parameters.CopyTo(scene.Parameters, 0);
        return scene.Complete(new StopTruth("Module", "Inferred", driver.FileName, figures), driver);
    }

    private static StopScene Innocent(KernelLayout layout, string name, uint code)
    {
        StopScene scene = new(layout, name, code);
        scene.Driver("innocent.sys", "Contoso", "1.0.0.1");
        scene.Stops("nt!MiCheckProcess+0x21\nnt!ExAllocatePoolWithTag+0x33\ninnocent+0x1440\ninnocent+0x2010");
        return scene;
    }

    private static StopScene Called(KernelLayout layout, string name, uint code, string function, out ForgedModule driver)
    {
        StopScene scene = new(layout, name, code);
        driver = scene.Driver("dmaflt.sys", "Tailspin Transfer", "2.0.1.7");
        scene.Stops($"{function}\ndmaflt+0x1514\ndmaflt+0x2468");
        return scene;
    }

    /// <summary>What a pool header counts in, and its size: 16 bytes, on x86 eight.</summary>
    private static ulong Unit(KernelLayout layout) => 2 * (ulong)layout.PointerSize;

    /// <summary>Blocks in a row from the start of a page of pool, by their sizes in units; the last fills the page.</summary>
    private static ulong Row(StopScene scene, params ReadOnlySpan<(int Units, string Tag)> blocks)
    {
        ulong page = scene.Place(new byte[0x1000], 0x1000), at = page;
        ulong unit = Unit(scene.System.Layout);
        int previous = 0, left = (int)(0x1000 / unit);
        for (int i = 0; i < blocks.Length; i++)
        {
            int units = i + 1 == blocks.Length ? left : blocks[i].Units;
            scene.System.Struct("_POOL_HEADER", at).Set("PreviousSize", (ulong)previous).Set("BlockSize", (ulong)units)
                .Set("PoolType", 2).Set("PoolTag", BitConverter.ToUInt32(Encoding.ASCII.GetBytes(blocks[i].Tag)));
            at += (ulong)units * unit;
            (previous, left) = (units, left - units);
        }
        return page;
    }
}
