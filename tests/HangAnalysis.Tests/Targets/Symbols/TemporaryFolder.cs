using System.Text;

namespace HangAnalysis.Tests.Targets.Symbols;

/// <summary>A folder of one test, removed at its end.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Path = Directory.CreateTempSubdirectory("hang-symbols-").FullName;

    public string Path { get; }

    /// <summary>Full path of something in the folder, named with forward slashes.</summary>
    public string At(string relative) => System.IO.Path.Combine([Path, .. relative.Split('/')]);

    /// <summary>Writes a file and returns its full path.</summary>
    public string Write(string relative, byte[]? content = null)
    {
        string path = At(relative);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content ?? []);
        return path;
    }

    /// <summary>Every file and folder below, relative, with forward slashes, in order.</summary>
    public string[] Tree() =>
    [
        .. Directory.EnumerateFileSystemEntries(Path, "*", SearchOption.AllDirectories)
            .Select(p => System.IO.Path.GetRelativePath(Path, p).Replace('\\', '/')).Order(StringComparer.Ordinal),
    ];

    /// <summary>Every file below, as <see cref="Tree"/>.</summary>
    public string[] Files() => [.. Tree().Where(p => File.Exists(At(p)))];

    /// <summary>Bytes that begin as a PDB does and go on to a length.</summary>
    public static byte[] Pdb(int length, byte fill = 0)
    {
        byte[] bytes = new byte[length];
        Array.Fill(bytes, fill);
        Encoding.ASCII.GetBytes("Microsoft C/C++ MSF 7.00\r\n\u001aDS\0\0\0").CopyTo(bytes, 0);
        return bytes;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
