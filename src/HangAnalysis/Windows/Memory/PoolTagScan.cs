using System.Buffers.Binary;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;

namespace HangAnalysis.Windows.Memory;

/// <summary>A module that holds a tag in its code: the place that says most, and how many are like it.</summary>
/// <param name="Module">The module.</param>
/// <param name="Finder">Takes the place apart.</param>
/// <param name="Call">The place.</param>
/// <param name="Usage">What it does with the tag.</param>
/// <param name="Sites">Places of the module that do the same.</param>
internal sealed record PoolTagHit(TargetModule Module, IPoolCallFinder Finder, PoolCall Call, PoolTagUsage Usage, int Sites)
{
    /// <summary>Bytes from the instruction with the tag to the call; 0 where no call takes it.</summary>
    public int Distance => Call.Function is null ? 0 : (int)(Call.Call - Call.Start);
}

/// <summary>
/// Searches the executable sections of all kernel images for tags. The bytes of a tag are searched first, which is quick; only
/// what is around them is taken apart. Code of ARM64 has no number in one piece: there the instructions that load one are.
/// </summary>
internal sealed class PoolTagScan
{
    private const int PageSize = 0x1000;
    // A word of zeros is none of ARM64's instructions.
    private const byte Breakpoint = 0xcc, NoInstruction = 0;

    private readonly KernelSession _session;
    private readonly PoolFunctions _functions;
    private readonly bool _isArm64;
    private readonly uint[] _tags;
    private readonly byte[][] _patterns;
    private readonly List<PoolTagHit>[] _hits;
    private byte[] _buffer = [];
    private ulong _absentPages;

    private PoolTagScan(KernelSession session, IReadOnlyList<uint> tags)
    {
        _session = session;
        _functions = PoolFunctions.Find(session);
        _isArm64 = session.Target.Description.Architecture == Architecture.Arm64;
        _tags = [.. tags];
        _patterns = new byte[_tags.Length][];
        _hits = new List<PoolTagHit>[_tags.Length];
        for (int i = 0; i < _tags.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_patterns[i] = new byte[sizeof(uint)], _tags[i]);
            _hits[i] = [];
        }
    }

    /// <summary>Searches for tags.</summary>
    public static PoolTagScan Run(KernelSession session, IReadOnlyList<uint> tags)
    {
        PoolTagScan scan = new(session, tags);
        foreach (TargetModule module in session.Target.KernelModules)
        {
            if (session.Cancellation.IsCancellationRequested)
                break;
            scan.Search(module);
        }
        return scan;
    }

    /// <summary>Images of which code was searched.</summary>
    public int SearchedModules { get; private set; }

    /// <summary>Pages of their code that the dump does not have.</summary>
    public ulong AbsentPages => _absentPages;

    /// <summary>Whether the addresses of the pool's functions are known.</summary>
    public bool KnowsFunctions => _functions.Count > 0;

    /// <summary>The modules that have a tag, in load order.</summary>
    public IReadOnlyList<PoolTagHit> this[uint tag] =>
        Array.IndexOf(_tags, tag) is >= 0 and var index ? _hits[index] : [];

    private void Search(TargetModule module)
    {
        if (!PeImage.TryRead(new MemoryImageBytes(module.Memory, module.BaseAddress, module.Size), out PeImage? image))
            return;
        IPoolCallFinder? finder = null;
        PoolTagHit?[] best = new PoolTagHit?[_tags.Length];
        bool any = false;
        long budget = Limits.PoolCodeBytes;
        foreach (ImageSection section in image.Sections)
        {
            if (!section.IsExecutable || section.Rva >= module.Size)
                continue;
            int size = (int)Math.Min(Math.Min(section.VirtualSize, module.Size - section.Rva), Math.Min(budget, int.MaxValue));
            if (size <= 0)
                continue;
            budget -= size;
            any |= ReadCode(module.Memory, module.BaseAddress + section.Rva, size);
            foreach ((int tag, int at) in _isArm64 ? FindArm64(size) : Find(size))
            {
                finder ??= NewFinder(image, module);
                Keep(ref best[tag], module, finder, finder.Follow(_buffer, module.BaseAddress + section.Rva, at));
            }
        }
        SearchedModules += any ? 1 : 0;
        for (int i = 0; i < best.Length; i++)
            if (best[i] is { } hit)
                _hits[i].Add(hit);
    }

    private IPoolCallFinder NewFinder(PeImage image, TargetModule module)
    {
        ImportSlots imports = new(image, module, _functions);
        return _isArm64 ? new PoolCallFinderArm64(module, _functions, imports) : new PoolCallFinder(module, _functions, imports);
    }

    /// <summary>Places in the buffer that have the bytes of a tag, each with the tag's number in the list.</summary>
    private IEnumerable<(int Tag, int At)> Find(int size)
    {
        for (int i = 0; i < _tags.Length; i++)
            for (int at = 0; _buffer.AsSpan(at, size - at).IndexOf(_patterns[i]) is >= 0 and var found; at++)
                yield return (i, at += found);
    }

    /// <summary>Places in the buffer from which on a tag is loaded.</summary>
    private IEnumerable<(int Tag, int At)> FindArm64(int size)
    {
        for (int at = 0; at < size; at += Arm64Instruction.Size)
            if (PoolCallFinderArm64.LoadedAt(_buffer.AsSpan(0, size), at) is { } number && Array.IndexOf(_tags, number) is >= 0 and var tag)
                yield return (tag, at);
    }

    /// <summary>Keeps the place that says most: an allocation before a free before a mere number, the nearest call first.</summary>
    private static void Keep(ref PoolTagHit? best, TargetModule module, IPoolCallFinder finder, PoolCall call)
    {
        PoolTagUsage usage = call.Function?.Usage ?? PoolTagUsage.Mentions;
        if (best is not null && best.Usage == usage)
        {
            bool isNearer = call.Call - call.Start < best.Call.Call - best.Call.Start;
            best = best with { Sites = best.Sites + 1, Call = isNearer ? call : best.Call };
        }
        else if (best is null || usage > best.Usage)
            best = new PoolTagHit(module, finder, call, usage, 1);
    }

    /// <summary>Reads a section whole; pages that are absent read as what ends the following of code. False where none is there.</summary>
    private bool ReadCode(IMemory memory, ulong address, int size)
    {
        if (_buffer.Length < size)
            _buffer = new byte[size];
        bool any = false;
        for (int at = 0; at < size;)
        {
            int read = memory.Read(address + (ulong)at, _buffer.AsSpan(at, size - at));
            any |= read > 0;
            at += Math.Max(0, read);
            if (at >= size)
                break;
            int next = Math.Min(size, at + PageSize - (int)((address + (ulong)at) % PageSize));
            _buffer.AsSpan(at, next - at).Fill(_isArm64 ? NoInstruction : Breakpoint);
            at = next;
            _absentPages++;
        }
        return any;
    }
}
