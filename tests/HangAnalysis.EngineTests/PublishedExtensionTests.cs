using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;
using System.Xml.Linq;
using HangAnalysis.Commands;
using HangAnalysis.Targets.Images;
using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>The file that engineers get: what it says of itself, what it exports, and what it needs.</summary>
public class PublishedExtensionTests
{
    private const string ExtensionName = "HangAnalysis.dll";

    /// <summary>
    /// Libraries of every Windows from 10 on: those that .NET itself links against (Microsoft.NETCore.Native.Windows.targets)
    /// and shell32.dll. The C++ runtime is the one that is part of Windows, in api-ms-win-crt-*.dll.
    /// </summary>
    private static readonly string[] s_ofWindows =
    [
        "advapi32.dll", "bcrypt.dll", "crypt32.dll", "iphlpapi.dll", "kernel32.dll", "mswsock.dll", "ncrypt.dll",
        "normaliz.dll", "ntdll.dll", "ole32.dll", "oleaut32.dll", "secur32.dll", "shell32.dll", "user32.dll", "version.dll",
        "ws2_32.dll",
    ];

    [TestCase(ExtensionName, "Says in WinDbg why Windows hangs")]
    [TestCase("hangdbg.exe", "Console host of the Windows debugger engine")]
    public void Version_resource_is_that_of_the_product(string name, string description)
    {
        XDocument properties = XDocument.Load(Path.Combine(Engine.Root, "Directory.Build.props"));
        string Property(string element) => properties.Descendants(element).Single().Value;
        using FileImageBytes bytes = FileImageBytes.Open(RequirePublished(name));
        Assert.That(PeImage.TryRead(bytes, out PeImage? image));

        ImageVersion? version = image!.ReadVersion();

        Assert.That(version, Is.Not.Null);
        byte[] resource = new byte[image[ImageDirectoryKind.Resource].Size];
        bytes.Read(image[ImageDirectoryKind.Resource].Rva, resource);
        string text = Encoding.Unicode.GetString(resource).Replace("\0", "", StringComparison.Ordinal);
        Assert.Multiple(() =>
        {
            Assert.That(version!.CompanyName, Is.EqualTo(Property("Company")));
            Assert.That(version.FileDescription, Is.EqualTo(description));
            Assert.That(version.FileVersion, Is.EqualTo($"{Property("Version")}.0"));
            // Behind a plus sign stands the commit.
            Assert.That(version.ProductVersion!.Split('+')[0], Is.EqualTo(Property("Version")));
            Assert.That(text, Does.Contain($"ProductName{Property("Product")}"));
            Assert.That(text, Does.Contain($"LegalCopyright{Property("Copyright")}"));
        });
    }

    [Test]
    public void Exports_are_what_the_engine_calls_and_one_for_each_command()
    {
        using PEReader image = new(File.OpenRead(RequirePublished(ExtensionName)));
        IEnumerable<string> expected = CommandTable.All.Select(c => c.Help.Name).Concat(
            ["DebugExtensionInitialize", "DebugExtensionNotify", "DebugExtensionUninitialize", "KnownStructOutput"]);

        List<string> exports = ReadExports(image);

        Assert.That(exports.Where(e => !IsOfDotNet(e)), Is.EquivalentTo(expected));
        Assert.That(CommandTable.All.Select(c => c.Help.Name), Has.None.Match("[A-Z]"), "the engine asks in lower case");
    }

    [TestCase(ExtensionName)]
    [TestCase("hangdbg.exe")]
    public void Only_libraries_of_Windows_are_needed(string name)
    {
        using PEReader image = new(File.OpenRead(RequirePublished(name)));

        List<string> imports = ReadImports(image);

        Assert.That(imports, Does.Contain("kernel32.dll"));
        Assert.That(imports.Where(i => !i.StartsWith("api-ms-win-crt-", StringComparison.Ordinal)), Is.SubsetOf(s_ofWindows));
    }

    /// <summary>.NET exports its header for debuggers, and the Brotli library, which HTTP needs, its functions and tables.</summary>
    private static bool IsOfDotNet(string export) =>
        export == "DotNetRuntimeDebugHeader" || export.StartsWith("Brotli", StringComparison.Ordinal)
            || export.StartsWith("_kBrotli", StringComparison.Ordinal);

    /// <summary>On Linux the engine's script publishes where a source is newer; on Windows build\publish.cmd does.</summary>
    private static string RequirePublished(string name)
    {
        if (OperatingSystem.IsLinux())
            Engine.Require();
        string path = Path.Combine(Engine.Root, "artifacts",
            OperatingSystem.IsLinux() ? "engine" : Path.Combine("extension", "amd64"), name);
        if (!File.Exists(path))
            Assert.Ignore($"{path} was not published");
        return path;
    }

    // "The .edata Section" of the PE format document: the number of names, and where the addresses of the names lie.
    private static List<string> ReadExports(PEReader image)
    {
        BlobReader directory = At(image, image.PEHeaders.PEHeader!.ExportTableDirectory.RelativeVirtualAddress);
        directory.Offset = 24;
        int count = directory.ReadInt32();
        directory.Offset = 32;
        BlobReader addresses = At(image, directory.ReadInt32());
        List<string> names = [];
        for (int i = 0; i < count; i++)
            names.Add(TextAt(image, addresses.ReadInt32()));
        return names;
    }

    // "Import Directory Table" and "Delay-Load Directory Table": an entry without a name is the last.
    private static List<string> ReadImports(PEReader image)
    {
        PEHeader header = image.PEHeaders.PEHeader!;
        List<string> names = [];
        foreach ((DirectoryEntry table, int size, int nameAt) in new[]
            { (header.ImportTableDirectory, 20, 12), (header.DelayImportTableDirectory, 32, 4) })
            for (int entry = 0; table.Size != 0; entry++)
            {
                BlobReader reader = At(image, table.RelativeVirtualAddress + entry * size);
                reader.Offset = nameAt;
                int name = reader.ReadInt32();
                if (name == 0)
                    break;
                names.Add(TextAt(image, name).ToLowerInvariant());
            }
        return names;
    }

    private static BlobReader At(PEReader image, int rva) => image.GetSectionData(rva).GetReader();

    private static string TextAt(PEReader image, int rva)
    {
        BlobReader reader = At(image, rva);
        return reader.ReadUTF8(reader.IndexOf(0));
    }
}
