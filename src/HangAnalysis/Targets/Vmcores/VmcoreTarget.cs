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

    private readonly IReadOnlyList<DumpFile> _files;
    private readonly VmcoreMemory _physical;
    private readonly VmcoreMemory _userPhysical;
    private readonly ulong _encryptionMask;
    private readonly int _levels;

    private VmcoreTarget(IReadOnlyList<DumpFile> files, IReadOnlyList<string> paths)
    {
        _files = files;
        VmcoreDamage damage = new();
        List<(IFileBytes, string)> named = [];
        for (int i = 0; i < files.Count; i++)
        {
            string path = paths[i];
            files[i].ReadFailed = failure => throw new DumpFormatException($"{path}: {failure}");
            named.Add((files[i], path));
        }
        VmcoreContents contents = VmcoreFormat.Read(named, damage);
        foreach (DumpFile file in files)
            file.ReadFailed = damage.Add;
        _physical = contents.Memory;
        _userPhysical = contents.UserMemory;
        Processors = contents.Notes.Processors;
        DumpLevel = contents.DumpLevel;
        Info = FindInfo(contents, damage);
        _levels = Levels(Info);
        _encryptionMask = EncryptionMask(Info);
        KernelMemory = OpenKernelMemory(damage);
        string release = Info.OsRelease ?? contents.Release;
        Description = new TargetDescription
        {
            Path = paths[0],
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

    /// <summary>
    /// What makedumpfile's -d left out: 1 pages of zeros, 2 and 4 the page cache, 8 memory of processes, 16 free pages.
    /// 0 where nothing was, or the file does not say (ELF).
    /// </summary>
    public int DumpLevel { get; }

    /// <summary>Physical memory.</summary>
    public IMemory PhysicalMemory => _physical;

    /// <summary>
    /// Memory by the kernel's own page tables (swapper_pg_dir); empty where VMCOREINFO does not lead to them.
    /// </summary>
    public IMemory KernelMemory { get; }

    /// <summary>
    /// Opens a vmcore; throws <see cref="DumpFormatException"/> with one line where nothing of it can be read.
    /// </summary>
    public static VmcoreTarget Open(string path, VmcoreOpenOptions? options = null)
    {
        List<string> paths = [path, .. options?.FurtherParts ?? []];
        if (paths.Count > VmcoreLimits.Parts)
            throw new DumpFormatException($"{path}: more than {VmcoreLimits.Parts} parts of a split dump are named");
        List<DumpFile> files = [];
        try
        {
            foreach (string part in paths)
                files.Add(DumpFile.Open(part, paths.Count == 1 ? VmcoreLimits.FileBlocks : VmcoreLimits.PartBlocks));
            return new VmcoreTarget(files, paths);
        }
        catch
        {
            Dispose(files);
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
            using DumpFile file = DumpFile.Open(path, 1);
            return VmcoreFormat.Recognize(file) != VmcoreFileKind.Other;
        }
        catch (DumpFormatException)
        {
            return false;
        }
    }

    /// <summary>Memory as a process sees it.</summary>
    /// <param name="directoryTableBase">Physical address of the process's top page table: that of mm_struct.pgd.</param>
    public IMemory OpenAddressSpace(ulong directoryTableBase) => new PagedMemory(_userPhysical,
        new LinuxPageTables(_userPhysical, directoryTableBase, _levels, _encryptionMask), ProcessCacheEntries);

    /// <inheritdoc/>
    public void Dispose() => Dispose(_files);

    private static void Dispose(IReadOnlyList<DumpFile> files)
    {
        foreach (DumpFile file in files)
            file.Dispose();
    }

    private static int Levels(VmcoreInfo info) =>
        info.TryGetNumber("pgtable_l5_enabled", out long five) && five != 0 ? 5 : 4;

    /// <summary>
    /// The bit of an entry that marks an encrypted page (AMD's memory encryption): no part of the address.
    /// </summary>
    private static ulong EncryptionMask(VmcoreInfo info) => info.TryGetNumber("sme_mask", out long mask) ? (ulong)mask : 0;

    private static DateTimeOffset? CrashTime(VmcoreInfo info) =>
        info.TryGetValue("CRASHTIME", out string text)
        && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
            ? KdumpHeader.ToTime(seconds)
            : null;

    /// <summary>
    /// Physical address of swapper_pg_dir: it lies in the kernel's image, which is mapped at a fixed address.
    /// </summary>
    private static bool TryGetRoot(VmcoreInfo info, out ulong tables, out ulong root)
    {
        bool known = info.TryGetSymbol("swapper_pg_dir", out tables) & info.TryGetNumber("phys_base", out long physicalBase);
        root = tables - KernelMap + (ulong)physicalBase;
        return known;
    }

    private VmcoreInfo FindInfo(VmcoreContents contents, VmcoreDamage damage)
    {
        if (TryGetRoot(contents.Info, out _, out _))
            return contents.Info;
        if (VmcoreInfoSearch.Find(_physical, MapsItself) is not { } found)
            return contents.Info;
        damage.Add("VMCOREINFO is not in the notes; it was found in memory");
        return found;
    }

    /// <summary>The page tables map themselves: what proves their place.</summary>
    private bool MapsItself(VmcoreInfo info) => TryGetRoot(info, out ulong tables, out ulong root)
        && new LinuxPageTables(_physical, root, Levels(info), EncryptionMask(info)).TryTranslate(tables, out ulong itself)
        && itself == root;

    private IMemory OpenKernelMemory(VmcoreDamage damage)
    {
        if (!TryGetRoot(Info, out ulong tables, out ulong root))
            damage.Add("no kernel memory can be read: there is no VMCOREINFO that tells where the page tables are");
        else if (!MapsItself(Info))
            damage.Add($"no kernel memory can be read: the page tables at 0x{root:x} do not map themselves at {tables:x16}");
        else
            return new PagedMemory(
                _physical, new LinuxPageTables(_physical, root, _levels, _encryptionMask), KernelCacheEntries);
        return new NoMemory();
    }

    /// <summary>An address space without a page.</summary>
    private sealed class NoMemory : IMemory
    {
        public int Read(ulong address, Span<byte> buffer) => 0;
    }
}
