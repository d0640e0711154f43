using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Extension;

/// <summary>Kernel memory, as the engine translates it.</summary>
internal sealed class EngineMemory(EngineConnection engine, bool is32Bit) : IMemory
{
    /// <summary>16 MB: the pages of some thousand kernel stacks and objects.</summary>
    private const int Slots = 4096;

    // The engine wants addresses of 32-bit systems sign-extended; everybody else has them as they are.
    private readonly PageCache _cache = is32Bit
        ? new((address, buffer) => engine.ReadVirtual(Extend(address), buffer), Slots)
        : new(engine.ReadVirtual, Slots);

    /// <inheritdoc/>
    public int PointerSize => is32Bit ? sizeof(uint) : sizeof(ulong);

    /// <summary>An address of a 32-bit system as the engine writes it.</summary>
    public static ulong Extend(ulong address) => address <= uint.MaxValue ? unchecked((ulong)(int)address) : address;

    /// <inheritdoc/>
    public int Read(ulong address, Span<byte> buffer) => _cache.Read(address, buffer);
}

/// <summary>Physical memory, as the engine reads it.</summary>
internal sealed class EnginePhysicalMemory(EngineConnection engine, ulong endPage) : IPhysicalMemory
{
    private const int Slots = 2048;

    private readonly PageCache _cache = new(engine.ReadPhysical, Slots);

    /// <inheritdoc/>
    public ulong EndPage => endPage;

    /// <inheritdoc/>
    public bool TryReadEntry64(ulong physicalAddress, out ulong value)
    {
        value = 0;
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        if (_cache.Read(physicalAddress & ~7UL, bytes) < sizeof(ulong))
            return false;
        value = BitConverter.ToUInt64(bytes);
        return true;
    }

    /// <summary>Reads within one page.</summary>
    public int Read(ulong physicalAddress, Span<byte> buffer) => _cache.Read(physicalAddress, buffer);
}

/// <summary>A process's memory, translated by its page tables.</summary>
/// <remarks>
/// The engine could be told to look at another process (SetImplicitProcessDataOffset). That changes what the user sees,
/// has to be undone whatever happens, and empties the engine's own caches at each switch; a hundred processes are walked in
/// a sweep. Page tables over physical reads leave the engine's state alone.
/// </remarks>
internal sealed class ProcessMemory(EnginePhysicalMemory physical, PageTables tables, bool is32Bit = false) : IMemory
{
    /// <inheritdoc/>
    public int PointerSize => is32Bit ? sizeof(uint) : sizeof(ulong);

    private const int Slots = 512;
    private const ulong Absent = ulong.MaxValue;

    private readonly ulong[] _tags = NewTags();
    private readonly ulong[] _physicalPages = new ulong[Slots];

    /// <inheritdoc/>
    public int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            int inPage = (int)(address & (PageCache.PageSize - 1));
            int count = Math.Min(PageCache.PageSize - inPage, buffer.Length - done);
            ulong page = Translate(address / PageCache.PageSize);
            int read = page == Absent ? 0 : physical.Read(page + (ulong)inPage, buffer.Slice(done, count));
            done += read;
            address += (ulong)count;
            if (read < count || address == 0)
                break;
        }
        return done;
    }

    private ulong Translate(ulong page)
    {
        int slot = (int)((page ^ page >> 12) & (Slots - 1));
        if (_tags[slot] != page)
        {
            _physicalPages[slot] = tables.TryTranslate(page * PageCache.PageSize, out ulong found) ? found : Absent;
            _tags[slot] = page;
        }
        return _physicalPages[slot];
    }

    private static ulong[] NewTags()
    {
        ulong[] tags = new ulong[Slots];
        Array.Fill(tags, ulong.MaxValue);
        return tags;
    }
}
