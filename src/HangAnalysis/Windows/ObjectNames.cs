using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Names of kernel objects, from the optional headers in front of them.</summary>
/// <remarks>
/// OBJECT_HEADER.InfoMask (since Windows 7) says which optional headers lie before the header, nearest first: creator
/// (bit 0), then name (bit 1). Sizes come from the symbols.
/// </remarks>
internal sealed class ObjectNames
{
    private const ulong CreatorBit = 1;
    private const ulong NameBit = 2;

    private readonly KernelSession _session;
    private readonly FieldSlot _infoMask, _nameOffset, _body, _name;
    private readonly int _creatorSize, _nameSize;

    public ObjectNames(KernelSession session)
    {
        _session = session;
        StructLayout header = session.Types.Get("_OBJECT_HEADER");
        // Up to Vista the header itself has the distance of its name.
        _nameOffset = header.Optional("NameInfoOffset");
        _infoMask = _nameOffset.IsPresent ? header.Optional("InfoMask") : header.Required("InfoMask");
        _body = header.Required("Body");
        StructLayout creator = session.Types.Get("_OBJECT_HEADER_CREATOR_INFO");
        creator.Required("TypeList");
        _creatorSize = creator.Size;
        StructLayout name = session.Types.Get("_OBJECT_HEADER_NAME_INFO");
        _name = name.Required("Name");
        _nameSize = name.Size;
    }

    /// <summary>The last part of an object's name; null where it has none or the dump does not hold it.</summary>
    public string? Find(ulong objectAddress)
    {
        if (_nameOffset.IsPresent)
            return FindEarlier(objectAddress);
        if (!_infoMask.IsPresent || !_body.IsPresent || !_name.IsPresent || !_session.IsObject(objectAddress))
            return null;
        ulong header = objectAddress - (ulong)_body.Offset;
        if (!_session.Memory.TryReadByte(header + (ulong)_infoMask.Offset, out byte mask) || (mask & NameBit) == 0)
            return null;
        if ((mask & CreatorBit) != 0 && _creatorSize == 0)
            return null;
        ulong creator = (mask & CreatorBit) != 0 ? (ulong)_creatorSize : 0;
        return UnicodeStrings.Read(_session.Memory, header - creator - (ulong)_nameSize + (ulong)_name.Offset);
    }

    private string? FindEarlier(ulong objectAddress)
    {
        if (!_body.IsPresent || !_name.IsPresent || !_session.IsObject(objectAddress))
            return null;
        ulong header = objectAddress - (ulong)_body.Offset;
        return _session.Memory.TryReadByte(header + (ulong)_nameOffset.Offset, out byte distance) && distance >= _nameSize
            ? UnicodeStrings.Read(_session.Memory, header - distance + (ulong)_name.Offset)
            : null;
    }
}
