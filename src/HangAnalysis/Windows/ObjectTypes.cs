using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Tells what kind of object lies at an address, by the header in front of it.</summary>
/// <remarks>
/// OBJECT_HEADER.TypeIndex (since Windows 7) is a place in nt!ObTypeIndexTable. Kernels that have nt!ObHeaderCookie keep it
/// mixed with that byte and the second byte of the header's address (Windows 10; published in many debugger walk-throughs).
/// The type found there must have the same number: memory that is no object's header fails that.
/// </remarks>
internal sealed class ObjectTypes
{
    private readonly KernelSession _session;
    private readonly FieldSlot _body, _typeIndex, _type, _name, _index;
    private readonly ulong _table;
    private readonly byte _cookie;
    private readonly bool _isMixed;
    private readonly Dictionary<byte, string?> _known = [];

    public ObjectTypes(KernelSession session)
    {
        _session = session;
        StructLayout header = session.Types.Get("_OBJECT_HEADER");
        _body = header.Optional("Body");
        _typeIndex = header.Optional("TypeIndex");
        _type = header.Optional("Type");
        StructLayout type = session.Types.Get("_OBJECT_TYPE");
        _name = type.Optional("Name");
        _index = type.Optional("Index");
        session.TryGetAddress("ObTypeIndexTable", out _table);
        _isMixed = session.TryGetAddress("ObHeaderCookie", out ulong cookie);
        if (_isMixed && !session.Memory.TryReadByte(cookie, out _cookie))
            _table = 0;
    }

    /// <summary>
    /// Name of the type of the object at an address, such as <c>Event</c>; null where no object's header is before it.
    /// </summary>
    public string? Find(ulong address)
    {
        if (_type.IsPresent && !_typeIndex.IsPresent)
            return FindEarlier(address);
        if (_table == 0 || !_body.IsPresent || !_typeIndex.IsPresent || !_name.IsPresent
            || !_session.IsObject(address))
            return null;
        ulong header = address - (ulong)_body.Offset;
        if (!_session.Memory.TryReadByte(header + (ulong)_typeIndex.Offset, out byte index))
            return null;
        if (_isMixed)
            index ^= (byte)(_cookie ^ (byte)(header >> 8));
        if (!_known.TryGetValue(index, out string? name))
            _known.Add(index, name = ReadName(index));
        return name;
    }

    /// <summary>
    /// Up to Vista the header points to its type. A type is an object too: the type of types is its own type, which memory that
    /// is no object's header does not lead to.
    /// </summary>
    private string? FindEarlier(ulong address) =>
        _body.IsPresent && _name.IsPresent && TryReadType(address, out ulong type) && TryReadType(type, out ulong ofTypes)
        && TryReadType(ofTypes, out ulong own) && own == ofTypes
            ? UnicodeStrings.Read(_session.Memory, type + (ulong)_name.Offset)
            : null;

    private bool TryReadType(ulong address, out ulong type)
    {
        type = 0;
        return _session.IsObject(address)
            && _session.Memory.TryReadPointer(address - (ulong)_body.Offset + (ulong)_type.Offset, out type)
            && _session.IsObject(type);
    }

    private string? ReadName(byte index)
    {
        if (!_session.Memory.TryReadPointer(_table + (ulong)(index * _session.PointerSize), out ulong type)
            || !_session.IsObject(type))
            return null;
        if (_index.IsPresent && (!_session.Memory.TryReadByte(type + (ulong)_index.Offset, out byte own) || own != index))
            return null;
        return UnicodeStrings.Read(_session.Memory, type + (ulong)_name.Offset);
    }
}
