namespace HangAnalysis.Targets;

/// <summary>One image that was loaded when the dump was taken, in the kernel or in one process.</summary>
/// <remarks>
/// Two processes that map the same DLL have two <see cref="TargetModule"/>s with one <see cref="Key"/>: symbols and
/// unwind data are cached by key.
/// </remarks>
public sealed class TargetModule
{
    /// <summary>Name as a debugger shows it before the '!': <c>nt</c>, <c>FLTMGR</c>, <c>Explorer</c>.</summary>
    public required string Name { get; init; }

    /// <summary>File name as the loader recorded it, such as <c>ntoskrnl.exe</c>. Text from the dump.</summary>
    public required string FileName { get; init; }

    /// <summary>Full path as the loader recorded it, or empty. Text from the dump.</summary>
    public string Path { get; init; } = "";

    /// <summary>Address of the image's first byte.</summary>
    public required ulong BaseAddress { get; init; }

    /// <summary>SizeOfImage, in bytes.</summary>
    public required uint Size { get; init; }

    /// <summary>Link time stamp of the image's file header (seconds since 1970, or a hash in reproducible builds).</summary>
    public uint TimeDateStamp { get; init; }

    /// <summary>Check sum of the image's optional header, 0 where unknown.</summary>
    public uint CheckSum { get; init; }

    /// <summary>Whether the image belongs to a process and not to the kernel.</summary>
    public bool IsUserMode { get; init; }

    /// <summary>The address space in which the image's bytes are read.</summary>
    public required IMemory Memory { get; init; }

    /// <summary>What tells one image file from another.</summary>
    public ModuleKey Key => new(FileName.ToUpperInvariant(), TimeDateStamp, Size, CheckSum);

    /// <summary>The same module under another name.</summary>
    public TargetModule Renamed(string name) => new()
    {
        Name = name, FileName = FileName, Path = Path, BaseAddress = BaseAddress, Size = Size, TimeDateStamp = TimeDateStamp,
        CheckSum = CheckSum, IsUserMode = IsUserMode, Memory = Memory,
    };

    /// <summary>Whether <paramref name="address"/> lies inside the image.</summary>
    public bool Contains(ulong address) => address - BaseAddress < Size;
}

/// <summary>Identity of an image file: upper-case file name, link time stamp, size in bytes, check sum.</summary>
public readonly record struct ModuleKey(string FileName, uint TimeDateStamp, uint Size, uint CheckSum);
