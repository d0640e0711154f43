using System.Globalization;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>How to open a vmcore.</summary>
public sealed record VmcoreOpenOptions
{
    /// <summary>The other files of a dump that makedumpfile --split wrote.</summary>
    public IReadOnlyList<string> FurtherParts { get; init; } = [];
}

/// <summary>A Linux crash dump of x86-64: its memory, and what the kernel left in it for readers of dumps.</summary>
public sealed class VmcoreTarget : IMemorySource, IDisposable
{
    private const ulong KernelMap = 0xffff_ffff_8000_0000;
    private const int KernelCacheEntries = 16384;
    private const int ProcessCacheEntries = 128;

    private readonly DumpFile _file;
    private readonly VmcoreMemory _physical;
    private readonly ulong _encryptionMask;
    private readonly int _levels;

    private VmcoreTarget(DumpFile file, string path, VmcoreOpenOptions options)
    {
        _file = file;
        _ = options;
        file.ReadFailed = failure => throw new DumpFormatException($"{path}: {failure}");
        VmcoreDamage damage = new();
        VmcoreContents contents = Read(file, path, damage);
        file.ReadFailed = damage.Add;
        _physical = contents.Memory;
        Info = contents.Info;
        Processors = contents.Notes.Processors;
        _levels = Info.TryGetNumber("pgtable_l5_enabled", out long five) && five != 0 ? 5 : 4;
        _encryptionMask = Info.TryGetNumber("sme_mask", out long mask) ? (ulong)mask : 0;
        KernelMemory = OpenKernelMemory(damage);
        string release = Info.OsRelease ?? contents.Release;
        Description = new TargetDescription
        {
            Path = path,
            Kind = contents.Kind,
            HoldsPages = true,
            Architecture = Architecture.X64,
            OperatingSystem = release.Length == 0 ? "Linux" : $"Linux {release}",
            ProcessorCount = contents.ProcessorCount > 0 ? contents.ProcessorCount : Processors.Count,
            Time = contents.Time ?? CrashTime(Info),
            Damage = damage,
        };
    }

    /// <summary>What the dump says of itself.</summary>
    public TargetDescription Description { get; }

    /// <summary>VMCOREINFO; without a line where the dump has none.</summary>
    public VmcoreInfo Info { get; }

    /// <summary>Registers by the number of the CPU.</summary>
    public IReadOnlyList<VmcoreProcessor> Processors { get; }

    /// <summary>Physical memory.</summary>
    public IMemory PhysicalMemory => _physical;

    /// <summary>Memory by the kernel's own page tables (swapper_pg_dir); empty where VMCOREINFO does not lead to them.</summary>
    public IMemory KernelMemory { get; }

    /// <summary>Opens a vmcore; throws <see cref="DumpFormatException"/> with one line where nothing of it can be read.</summary>
    public static VmcoreTarget Open(string path, VmcoreOpenOptions? options = null)
    {
        DumpFile file = DumpFile.Open(path);
        try
        {
            return new VmcoreTarget(file, path, options ?? new VmcoreOpenOptions());
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Whether a file begins as a vmcore does: kdump, flattened or ELF; also packed by gzip, xz or zstd, which
    /// <see cref="Open"/> refuses with the command that unpacks it. False where the file cannot be read.
    /// </summary>
    public static bool IsVmcore(string path)
    {
        try
        {
            using DumpFile file = DumpFile.Open(path);
            return VmcoreFormat.Recognize(file) != VmcoreFileKind.Other;
        }
        catch (DumpFormatException)
        {
            return false;
        }
    }

    /// <summary>Memory as a process sees it.</summary>
    /// <param name="directoryTableBase">Physical address of the process's top page table: that of mm_struct.pgd.</param>
    public IMemory OpenAddressSpace(ulong directoryTableBase) => new PagedMemory(
        _physical, new LinuxPageTables(_physical, directoryTableBase, _levels, _encryptionMask), ProcessCacheEntries);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static VmcoreContents Read(DumpFile file, string path, VmcoreDamage damage) => VmcoreFormat.Recognize(file) switch
    {
        VmcoreFileKind.Kdump => VmcoreContents.ReadKdump(file, path, "kdump", damage),
        _ => throw new DumpFormatException($"{path}: not a vmcore"),
    };

    private static DateTimeOffset? CrashTime(VmcoreInfo info) =>
        info.TryGetValue("CRASHTIME", out string text)
        && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
            ? KdumpHeader.ToTime(seconds)
            : null;

    /// <summary>
    /// swapper_pg_dir lies in the kernel's image, which is mapped at a fixed address less phys_base; it maps itself, which
    /// proves it.
    /// </summary>
    private PagedMemory OpenKernelMemory(VmcoreDamage damage)
    {
        ulong root = 0;
        if (!Info.TryGetSymbol("swapper_pg_dir", out ulong tables) || !Info.TryGetNumber("phys_base", out long physicalBase))
            damage.Add("no kernel memory can be read: VMCOREINFO does not tell where the page tables are");
        else
        {
            root = tables - KernelMap + (ulong)physicalBase;
            LinuxPageTables walk = new(_physical, root, _levels, _encryptionMask);
            if (!walk.TryTranslate(tables, out ulong itself) || itself != root)
                damage.Add($"the page tables at 0x{root:x} do not map themselves at {tables:x16}");
        }
        return new PagedMemory(
            _physical, new LinuxPageTables(_physical, root, _levels, _encryptionMask), KernelCacheEntries);
    }
}
