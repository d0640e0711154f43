using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Memory;

/// <summary>Reads the page files: MMPAGING_FILE.</summary>
/// <remarks>
/// crash-triage.md 2.4 [S]: Size, MaximumSize, MinimumSize, FreeSpace and PeakUsage in pages. Since 8 one that has no file
/// belongs to the store of compressed memory (VirtualStorePagefile), and one takes working sets of suspended programs
/// (WsSwapPagefile): neither adds to what can be paged out to disk.
/// </remarks>
internal sealed class PageFileReader
{
    private const ulong PageSize = 0x1000;
    private const int MostFiles = 16;

    private readonly KernelSession _session;
    private readonly byte[] _buffer;
    private readonly FieldSlot _size, _maximum, _minimum, _free, _peak, _name, _isVirtual, _isSwap;

    public PageFileReader(KernelSession session)
    {
        _session = session;
        StructLayout file = session.Types.Get("_MMPAGING_FILE");
        _buffer = new byte[file.Size];
        _size = file.Optional("Size");
        _maximum = file.Optional("MaximumSize");
        _minimum = file.Optional("MinimumSize");
        _free = file.Optional("FreeSpace");
        _peak = file.Optional("PeakUsage");
        _name = file.Optional("PageFileName");
        _isVirtual = file.Optional("VirtualStorePagefile");
        _isSwap = file.Optional("WsSwapPagefile");
    }

    /// <summary>The page files; why some may be missing, or null.</summary>
    public (IReadOnlyList<PageFileFacts> Files, string? Why) Read(MemoryVariables variables)
    {
        if (!_size.IsPresent || !_free.IsPresent || _buffer.Length == 0)
            return ([], "the symbols do not have _MMPAGING_FILE");
        if (variables.Read(new MemoryPlace("Vp.NumberOfPagingFiles", null, "MmNumberOfPagingFiles", 0xe0), sizeof(uint), out string why)
            is not { } count)
            return ([], why);
        if (!variables.TryLocate(new MemoryPlace("Vp.PagingFile", null, "MmPagingFile"), out ulong array, out _, out why))
            return ([], why);
        if (count > MostFiles)
            return ([], $"there would be {count:N0} page files; Windows has at most {MostFiles}");
        List<PageFileFacts> files = [];
        string? problem = null;
        for (int i = 0; i < (int)count; i++)
            if (_session.Memory.TryReadPointer(array + (ulong)(i * _session.Memory.PointerSize), out ulong address)
                && _session.IsKernel(address) && _session.Memory.TryRead(address, _buffer) && ReadOne() is { } file)
                files.Add(file);
            else
                problem = "a page file's record is not in the dump, or damaged";
        return (files, problem);
    }

    private PageFileFacts? ReadOne()
    {
        ReadOnlySpan<byte> bytes = _buffer;
        ulong size = _size.Read(bytes);
        ulong free = _free.Read(bytes);
        ulong maximum = _maximum.Read(bytes);
        if (size > MemoryReader.ImpossiblePages || free > size || maximum > MemoryReader.ImpossiblePages)
            return null;
        return new PageFileFacts(ReadName(bytes), size * PageSize, Math.Min(_minimum.Read(bytes), size) * PageSize, maximum * PageSize,
            free * PageSize, Math.Min(_peak.Read(bytes), MemoryReader.ImpossiblePages) * PageSize)
        {
            IsVirtual = _isVirtual.IsSet(bytes),
            IsSwap = _isSwap.IsSet(bytes),
        };
    }

    private string? ReadName(ReadOnlySpan<byte> bytes)
    {
        if (!_name.IsPresent)
            return null;
        string? name = UnicodeStrings.Read(_session.Memory, _name.Slice(bytes));
        return name is not null && name.StartsWith(@"\??\", StringComparison.Ordinal) ? name[4..] : name;
    }
}
