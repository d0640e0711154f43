namespace HangAnalysis.DumpForge.Systems;

/// <summary>Objects with their headers and names: types, directories, and those that threads wait for.</summary>
public sealed class KernelObjects
{
    /// <summary>Types in the order of their numbers, which begin at 2.</summary>
    private static readonly string[] s_types =
    [
        "Type", "Directory", "SymbolicLink", "Token", "Job", "Process", "Thread", "Event", "Mutant", "Semaphore",
        "Timer", "Driver", "Device", "File", "IoCompletion", "ALPC Port",
    ];

    private const byte Cookie = 0x5a, NameInfoBit = 2;
    private readonly HashSet<string> _listed = new(StringComparer.Ordinal);
    private readonly SystemBuilder _system;
    private readonly ulong[] _types = new ulong[s_types.Length];
    private readonly Dictionary<string, ulong> _directories = new(StringComparer.Ordinal);

    internal KernelObjects(SystemBuilder system)
    {
        _system = system;
        if (system.Variables.HasCookie)
            system.Kernel.WriteUInt8(system.Variables["ObHeaderCookie"], Cookie);
        for (int i = 0; i < s_types.Length; i++)
        {
            KernelStruct type = system.NewStruct("_OBJECT_TYPE", Place(system.Layout.Size("_OBJECT_TYPE"), null, null));
            WriteHeader(type.Address, "Type", null);
            system.WriteText(type.At("Name"), s_types[i]);
            type.Set("Index", (ulong)i + 2).TrySet("Key", (ulong)i);
            _types[i] = type.Address;
            system.Kernel.WritePointer(
                system.Variables["ObTypeIndexTable"] + (ulong)((i + 2) * system.Kernel.PointerSize), type.Address);
        }
        // The first type is that of itself and was made before it had an address.
        if (system.Layout.Has("_OBJECT_HEADER", "NameInfoOffset"))
            foreach (ulong type in _types)
                WriteHeader(type, "Type", null);
        system.Kernel.WritePointer(system.Variables["ObpRootDirectoryObject"], Directory(@"\"));
    }

    /// <summary>Address of an object's body, with room for its header and the information of its name.</summary>
    public ulong Place(int size, string? name, ulong? address)
    {
        int header = _system.Layout.Offset("_OBJECT_HEADER", "Body");
        if (name is not null)
            header += _system.Layout.Size("_OBJECT_HEADER_NAME_INFO");
        // Pool gives each block a header of 16 bytes, so that objects end in 0.
        return address ?? _system.Pool.Take(header + size) + (ulong)header;
    }

    /// <summary>Writes the header of an object at its body's address; the name is a full path.</summary>
    public void WriteHeader(ulong body, string typeName, string? name)
    {
        ulong at = body - (ulong)_system.Layout.Offset("_OBJECT_HEADER", "Body");
        int index = Array.IndexOf(s_types, typeName) + 2;
        // Builds with a cookie mix it and the second byte of the header's address into the number.
        byte stored = (byte)(_system.Variables.HasCookie ? index ^ Cookie ^ (byte)(at >> 8) : index);
        KernelStruct header = _system.Struct("_OBJECT_HEADER", at).Set("PointerCount", 0x8000)
            .Set("HandleCount", 1);
        // Before 7 the header points at the type, and says how far before it the name's information is.
        if (header.Has("TypeIndex"))
            header.Set("TypeIndex", stored).Set("InfoMask", name is null ? 0u : NameInfoBit);
        else
            header.Set("Type", _types[index - 2])
                .Set("NameInfoOffset", name is null ? 0 : (ulong)_system.Layout.Size("_OBJECT_HEADER_NAME_INFO"));
        if (name is null)
            return;
        ulong info = header.Address - (ulong)_system.Layout.Size("_OBJECT_HEADER_NAME_INFO");
        int slash = name.LastIndexOf('\\');
        string parent = slash <= 0 ? @"\" : name[..slash], leaf = name.Length == 1 ? name : name[(slash + 1)..];
        KernelStruct named = _system.Struct("_OBJECT_HEADER_NAME_INFO", info)
            .TrySet("ReferenceCount", 1).TrySet("QueryReferences", 1);
        named.Set("Directory", name.Length == 1 ? 0 : Directory(parent));
        _system.WriteText(named.At("Name"), leaf);
    }

    /// <summary>An object of zeros with a header.</summary>
    public KernelStruct New(string type, string objectType, string? name = null, ulong? address = null)
    {
        KernelStruct made = _system.NewStruct(type, Place(_system.Layout.Size(type), name, address));
        WriteHeader(made.Address, objectType, name);
        return made;
    }

    /// <summary>An event; at an address inside a driver or a structure it has no header of its own.</summary>
    public ulong Event(bool isNotification = false, string? name = null, ulong? address = null)
    {
        KernelStruct made = address is null ? New("_KEVENT", "Event", name) : _system.NewStruct("_KEVENT", address);
        WriteDispatcher(made.Address, isNotification ? "EventNotificationObject" : "EventSynchronizationObject", 6, 0);
        return made.Address;
    }

    public ulong Semaphore(int limit = 1, string? name = null)
    {
        KernelStruct made = New("_KSEMAPHORE", "Semaphore", name).Set("Limit", (ulong)limit);
        WriteDispatcher(made.Address, "SemaphoreObject", 8, 0);
        return made.Address;
    }

    /// <summary>A timer that is set, due in a while.</summary>
    public ulong Timer(TimeSpan due, string? name = null)
    {
        KernelStruct made = New("_KTIMER", "Timer", name);
        WriteDispatcher(made.Address, "TimerNotificationObject", _system.Layout.Size("_KTIMER") / 4, 0);
        // In units of 100 ns since the start.
        _system.Kernel.WriteUInt64(made.At("DueTime"), (ulong)(_system.Options.Uptime + due).Ticks);
        _system.Struct("_DISPATCHER_HEADER", made.Address).TrySet("Inserted", 1);
        return made.Address;
    }

    /// <summary>A queue as completion ports are, with no entries.</summary>
    public ulong Queue(uint maximum = 4)
    {
        KernelStruct made = New("_KQUEUE", "IoCompletion").Set("MaximumCount", maximum);
        WriteDispatcher(made.Address, "QueueObject", 16, 0);
        made.EmptyLists("EntryListHead", "ThreadListHead");
        return made.Address;
    }

    /// <summary>A gate; at an address inside a structure it has no header of its own.</summary>
    public ulong Gate(ulong? address = null)
    {
        KernelStruct made = _system.NewStruct("_KGATE", address);
        WriteDispatcher(made.Address, "GateObject", 6, 0);
        return made.Address;
    }

    /// <summary>A mutant, with its owner.</summary>
    public ulong Mutant(ThreadBuilder? owner = null, string? name = null, bool isAbandoned = false)
    {
        KernelStruct made = New("_KMUTANT", "Mutant", name).Set("ApcDisable", 0);
        WriteDispatcher(made.Address, "MutantObject", 14, owner is null ? 1u : 0u);
        made.Set("Abandoned", isAbandoned ? 1u : 0u);
        made.EmptyLists("MutantListEntry");
        if (owner is not null)
        {
            made.Set("OwnerThread", owner.Address);
            _system.Kernel.AppendToList(
                owner.Struct.At("Tcb.MutantListHead"), made.At("MutantListEntry"));
        }
        return made.Address;
    }

    /// <summary>Writes the header that all objects to wait for begin with; the size is in units of 4 bytes.</summary>
    public void WriteDispatcher(ulong address, string kind, int size, ulong signalState)
    {
        if (_system.Layout.PointerSize == 4)
            size = NarrowSize(kind) ?? size;
        _system.Struct("_DISPATCHER_HEADER", address).Set("Type", _system.Enum("_KOBJECTS", kind))
            .Set("Size", (ulong)size & 0xff).Set("SignalState", signalState).EmptyLists("WaitListHead");
    }

    // Callers give the sizes of x64 for objects that they do not have the layout's of.
    private int? NarrowSize(string kind) => kind switch
    {
        "EventNotificationObject" or "EventSynchronizationObject" or "GateObject" => _system.Layout.Size("_KEVENT") / 4,
        "SemaphoreObject" => _system.Layout.Size("_KSEMAPHORE") / 4,
        "MutantObject" => _system.Layout.Size("_KMUTANT") / 4,
        "QueueObject" => _system.Layout.Size("_KQUEUE") / 4,
        _ => null,
    };

    /// <summary>
    /// Lists a named object in its directory, and the directory in those above it, as the object manager does with all: in a
    /// bucket by the letters of the name, behind what is there.
    /// </summary>
    public void List(ulong body, string name)
    {
        int slash = name.LastIndexOf('\\');
        string parent = slash <= 0 ? @"\" : name[..slash], leaf = name[(slash + 1)..];
        ulong directory = Directory(parent);
        if (parent != @"\" && _listed.Add(parent))
            List(directory, parent);
        const ulong Buckets = 37;
        ulong bucket = _system.Struct("_OBJECT_DIRECTORY", directory).At("HashBuckets") + 8 * ((ulong)leaf.Sum(c => c) % Buckets);
        KernelStruct entry = _system.NewStruct("_OBJECT_DIRECTORY_ENTRY").Set("Object", body);
        ulong before = _system.Kernel.ReadUInt64(bucket);
        entry.Set("ChainLink", before);
        _system.Kernel.WriteUInt64(bucket, entry.Address);
    }

    private ulong Directory(string path)
    {
        if (_directories.TryGetValue(path, out ulong known))
            return known;
        ulong address = Place(_system.Layout.Size("_OBJECT_DIRECTORY"), path, null);
        _directories.Add(path, address);
        _system.NewStruct("_OBJECT_DIRECTORY", address);
        WriteHeader(address, "Directory", path);
        return address;
    }
}
