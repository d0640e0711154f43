using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Vmcores;

/// <summary>Files of one test; they go away with it.</summary>
internal sealed class TemporaryFiles : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmcore").FullName;

    public string Write(byte[] bytes, string name = "vmcore")
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public VmcoreTarget Open(byte[] bytes) => VmcoreTarget.Open(Write(bytes));

    /// <summary>The one line with which a file is refused, without its path.</summary>
    public string Refusal(byte[] bytes)
    {
        string path = Write(bytes);
        string message = Assert.Throws<DumpFormatException>(() => VmcoreTarget.Open(path).Dispose())?.Message ?? "";
        Assert.That(message, Does.StartWith(path + ": ").And.Not.Contain('\n'));
        return message[(path.Length + 2)..];
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
