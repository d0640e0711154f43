using System.Text;

namespace HangAnalysis.Targets.Dumps;

/// <summary>Names of images as debuggers show them.</summary>
internal static class ModuleNames
{
    private static readonly HashSet<string> s_kernelNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "ntoskrnl.exe", "ntkrnlmp.exe", "ntkrnlpa.exe", "ntkrpamp.exe", "ntkrla57.exe",
    };

    /// <summary>Whether a file name is one under which the kernel is known.</summary>
    public static bool IsKernel(string fileName) => s_kernelNames.Contains(fileName);

    /// <summary>Makes a module from its loader entry.</summary>
    public static TargetModule Create(string path, ulong baseAddress, uint size, uint timeDateStamp, uint checkSum,
        bool isUserMode, IMemory memory, string? fileName = null)
    {
        fileName ??= path[(path.LastIndexOfAny(['\\', '/']) + 1)..];
        if (fileName.Length == 0)
            fileName = "unnamed";
        return new TargetModule
        {
            Name = !isUserMode && IsKernel(fileName) ? "nt" : ShortName(fileName),
            FileName = fileName,
            Path = path,
            BaseAddress = baseAddress,
            Size = size,
            TimeDateStamp = timeDateStamp,
            CheckSum = checkSum,
            IsUserMode = isUserMode,
            Memory = memory,
        };
    }

    /// <summary>
    /// The name before the '!': the file name without its extension, with every character that an expression could not
    /// hold made an underscore (documented for module names of WinDbg).
    /// </summary>
    private static string ShortName(string fileName)
    {
        int dot = fileName.LastIndexOf('.');
        ReadOnlySpan<char> stem = dot > 0 ? fileName.AsSpan(0, dot) : fileName;
        StringBuilder name = new(stem.Length);
        foreach (char c in stem)
            name.Append(char.IsLetterOrDigit(c) || c == '_' ? c : '_');
        return name.ToString();
    }
}
