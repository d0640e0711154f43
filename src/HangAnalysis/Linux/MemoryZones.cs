using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Reads the zones of memory and their watermarks.</summary>
internal sealed class MemoryZones
{
    private const int MostNodes = 1024, MostZones = 16, MinimumIndex = 0, LowIndex = 1, HighIndex = 2;

    private readonly LinuxSession _session;
    private readonly FieldSlot _zones, _count, _present, _name, _managed, _stat, _marks;
    private readonly int _step, _freeItem;

    public MemoryZones(LinuxSession session)
    {
        _session = session;
        _zones = session.Field("pglist_data", "node_zones");
        _count = session.Field("pglist_data", "nr_zones");
        _present = session.Field("pglist_data", "node_present_pages");
        _name = session.Field("zone", "name");
        _managed = session.Field("zone", "managed_pages");
        _stat = session.Field("zone", "vm_stat");
        _marks = session.Field("zone", "_watermark", "watermark");
        _step = session.SizeOf("zone");
        _freeItem = (int)(session.Symbols.Types.FindEnumValue("NR_FREE_PAGES", "zone_stat_item") ?? -1);
    }

    /// <summary>Appends the zones that have memory; returns the pages of all nodes, null where no node was found.</summary>
    public ulong? Read(List<ZoneFigures> zones)
    {
        if (!_zones.IsPresent || !_present.IsPresent || _step == 0)
            return null;
        ulong? present = null;
        int node = 0;
        foreach (ulong address in Nodes())
        {
            present = (present ?? 0) + _session.Read(address, _present);
            for (int i = 0; i < MostZones && i < (int)_session.Read(address, _count) && _freeItem is >= 0 and < 256; i++)
                if (ReadZone(node, address + (ulong)(_zones.Offset + i * _step)) is { Managed: > 0 } zone)
                    zones.Add(zone);
            node++;
        }
        return present;
    }

    // With CONFIG_NUMA node_data points to each node's; without it there is one.
    private IEnumerable<ulong> Nodes()
    {
        ulong table = _session.AddressOf("node_data");
        if (table == 0)
        {
            if (_session.AddressOf("contig_page_data") is not 0 and var only)
                yield return only;
            yield break;
        }
        int nodes = Math.Clamp(_session.SizeOf("nodemask_t") * 8, 1, MostNodes);
        for (int i = 0; i < nodes; i++)
            if (_session.ReadPointer(table + (ulong)i * 8) is var node && LinuxSession.IsObject(node))
                yield return node;
    }

    private ZoneFigures ReadZone(int node, ulong zone)
    {
        ulong marks = zone + (ulong)_marks.Offset;
        return new ZoneFigures(node, _session.ReadText(_session.Read(zone, _name), 16) ?? "?", _session.Read(zone, _managed),
            _stat.IsPresent ? (ulong)Math.Max((long)_session.ReadPointer(zone + (ulong)(_stat.Offset + _freeItem * 8)), 0)
                : 0,
            Mark(marks, MinimumIndex), Mark(marks, LowIndex), Mark(marks, HighIndex));
    }

    private ulong Mark(ulong marks, int index) => _marks.IsPresent ? _session.ReadPointer(marks + (ulong)index * 8) : 0;
}
