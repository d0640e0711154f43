using HangAnalysis.Targets.Images;

namespace HangAnalysis.Targets.Unwinding;

/// <summary>The images of an address space, as the unwinder asks for them.</summary>
public interface IUnwindImages
{
    /// <summary>The image that holds an address, or null. Asked once or twice per frame: has to be quick.</summary>
    UnwindImage? Find(ulong address);

    /// <summary>Where trap frames of an ARM64 kernel keep registers; null where its types do not tell.</summary>
    Arm64.Arm64TrapFrame? Arm64TrapFrame => null;
}

/// <summary>One loaded image with what unwinding needs of it.</summary>
public sealed class UnwindImage
{
    private readonly ImageSection[]? _sections;

    /// <summary>Makes an image from its parts.</summary>
    /// <param name="baseAddress">Address of the image's first byte.</param>
    /// <param name="size">SizeOfImage, in bytes.</param>
    /// <param name="bytes">The image's bytes, for code.</param>
    /// <param name="headers">Its headers, or null where they cannot be read.</param>
    /// <param name="functions">Its function table, or null where no unwind data can be had.</param>
    public UnwindImage(
        ulong baseAddress, uint size, IImageBytes bytes, PeImage? headers, FunctionTable? functions)
    {
        BaseAddress = baseAddress;
        Size = size;
        Bytes = bytes;
        Functions = functions;
        Arm64Functions = headers is null ? null : Arm64.Arm64FunctionTable.TryRead(headers);
        _sections = headers is null ? null : [.. headers.Sections];
    }

    /// <summary>Address of the image's first byte.</summary>
    public ulong BaseAddress { get; }

    /// <summary>SizeOfImage, in bytes.</summary>
    public uint Size { get; }

    /// <summary>The image's bytes.</summary>
    public IImageBytes Bytes { get; }

    /// <summary>The function table, or null where no unwind data can be had.</summary>
    public FunctionTable? Functions { get; }

    /// <summary>The function table of an ARM64 image; null for others, and where no unwind data can be had.</summary>
    internal Arm64.Arm64FunctionTable? Arm64Functions { get; }

    /// <summary>Frame data of x86 code, from the image's PDB; null where none can be had, and for other processors.</summary>
    public IX86FrameSource? Frames { get; init; }

    /// <summary>Reads headers and function table of an image; what is absent stays unknown.</summary>
    public static UnwindImage Load(ulong baseAddress, uint size, IImageBytes bytes) => Load(baseAddress, size, bytes, null);

    /// <summary>Reads an image that has frame data.</summary>
    public static UnwindImage Load(ulong baseAddress, uint size, IImageBytes bytes, IX86FrameSource? frames) =>
        PeImage.TryRead(bytes, out PeImage? headers)
            ? new UnwindImage(baseAddress, size, bytes, headers, FunctionTable.TryRead(headers)) { Frames = frames }
            : new UnwindImage(baseAddress, size, bytes, null, null) { Frames = frames };

    /// <summary>Whether <paramref name="address"/> lies inside the image.</summary>
    public bool Contains(ulong address) => address - BaseAddress < Size;

    /// <summary>Whether code may lie at an RVA; null where the headers that tell are absent.</summary>
    public bool? IsExecutable(uint rva)
    {
        if (_sections is null)
            return null;
        foreach (ImageSection section in _sections)
            if (section.Contains(rva))
                return section.IsExecutable;
        return false;
    }
}
