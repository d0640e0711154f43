namespace HangAnalysis.Tests.Targets.Vmcores;

/// <summary>
/// A forged vmcore with the page tables of a kernel: what the architecture manual and arch/x86/include/asm/pgtable_types.h
/// say of entries.
/// </summary>
internal static class ForgedKernel
{
    public const ulong PhysicalBase = 0x20_0000;

    /// <summary>Where the kernel's image is mapped, by one page of 2 MB, and where it lies.</summary>
    public const ulong Image = 0xffff_ffff_8100_0000;
    public const ulong ImagePhysical = 0x120_0000;

    /// <summary>Memory by pages of 4 KB.</summary>
    public const ulong Small = 0xffff_ffff_8120_0000;

    /// <summary>All of memory by one page of 1 GB.</summary>
    public const ulong DirectMap = 0xffff_8880_0000_0000;

    public const ulong TablesPhysical = ImagePhysical + 0x5000;
    private const ulong Tables = Image + 0x5000;
    private const ulong Present = 3;
    private const ulong Large = 0x80;

    /// <summary>The dump.</summary>
    /// <param name="levels">Levels of page tables.</param>
    /// <param name="encryption">Mask of AMD's memory encryption, set in every entry.</param>
    public static ForgedVmcore Create(int levels = 4, ulong encryption = 0)
    {
        ulong present = Present | encryption;
        ForgedVmcore dump = new();
        ulong root = TablesPhysical;
        ulong upper = root;
        if (levels == 5)
        {
            upper = ImagePhysical + 0xa000;
            dump.Put(root + 511 * 8, upper | present);
        }
        ulong pud = ImagePhysical + 0x6000;
        ulong pmd = ImagePhysical + 0x7000;
        ulong pt = ImagePhysical + 0x8000;
        ulong direct = ImagePhysical + 0x9000;
        dump.Put(upper + 511 * 8, pud | present);
        dump.Put(pud + 510 * 8, pmd | present);
        dump.Put(pmd + 8 * 8, ImagePhysical | present | Large);
        dump.Put(pmd + 9 * 8, pt | present);
        dump.Put(pt + 3 * 8, 0x3000 | present);
        dump.Put(pt + 5 * 8, 0x5000 | present);
        dump.Put(upper + 273 * 8, direct | present);
        dump.Put(direct, 0 | present | Large);
        dump.Put(0x3000, "three");
        dump.Put(0x5000, "five");
        dump.Info = Info(levels) + (encryption == 0 ? "" : $"NUMBER(sme_mask)={encryption}\n");
        dump.Processors.Add((7, [.. Enumerable.Range(0, 27).Select(i => 0x100UL + (ulong)i)]));
        dump.Processors.Add((0, [.. Enumerable.Range(0, 27).Select(i => 0x200UL + (ulong)i)]));
        return dump;
    }

    public static string Info(int levels = 4) => $"""
        OSRELEASE=6.1.0-forged
        BUILD-ID=0123
        PAGESIZE=4096
        SYMBOL(swapper_pg_dir)={Tables:x}
        SYMBOL(init_uts_ns)={Image + 0x100:x}
        OFFSET(prb_desc.state_var)=24
        SIZE(page)=64
        NUMBER(phys_base)={PhysicalBase}
        NUMBER(pgtable_l5_enabled)={(levels == 5 ? 1 : 0)}
        NUMBER(VMALLOC_START)=0xffffc90000000000
        NUMBER(negative)=-702545920
        KERNELOFFSET=1f000000
        CRASHTIME=1700000001

        """.ReplaceLineEndings("\n");
}
