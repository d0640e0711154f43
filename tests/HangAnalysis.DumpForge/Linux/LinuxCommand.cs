using System.Globalization;
using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Linux.Scenarios;
using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux;

/// <summary>The command's part for Linux: writes the vmcore of a scenario.</summary>
internal static class LinuxCommand
{
    public const string Prefix = "linux:";

    /// <summary>Exit code, or null where the arguments are not understood.</summary>
    public static int? Run(string[] arguments)
    {
        string scenario = arguments[0][Prefix.Length..];
        string? output = null, form = "kdump";
        LinuxOptions options = new(LinuxLayout.Linux61);
        for (int i = 1; i < arguments.Length; i += 2)
        {
            if (i + 1 == arguments.Length)
                return null;
            string value = arguments[i + 1];
            switch (arguments[i])
            {
                case "--out":
                    output = value;
                    break;
                case "--layout":
                    options = options with { Layout = LinuxLayout.Find(value) };
                    break;
                case "--form":
                    form = value;
                    break;
                case "--levels":
                    options = options with { HasFiveLevels = value == "5" };
                    break;
                case "--tasks":
                    options = options with { Tasks = int.Parse(value, CultureInfo.InvariantCulture) };
                    break;
                default:
                    return null;
            }
        }
        if (output is null)
            return null;
        LinuxMachine machine = LinuxScenarioSet.Build(scenario, options);
        Directory.CreateDirectory(output);
        string path = Path.Combine(output, scenario + ".vmcore");
        File.WriteAllBytes(Path.Combine(output, scenario + ".truth.json"), machine.Truth.ToJson());
        if (form == "split")
        {
            IReadOnlyList<byte[]> parts = VmcoreFile.Split(machine, 3);
            for (int i = 0; i < parts.Count; i++)
                File.WriteAllBytes($"{path}.{i + 1}", parts[i]);
            return 0;
        }
        using (FileStream stream = File.Create(path))
            VmcoreFile.Write(machine, stream, Form(form));
        Console.WriteLine(path);
        return 0;
    }

    private static VmcoreForm Form(string name) => name switch
    {
        "raw" => new VmcoreForm { Pages = VmcorePages.Raw },
        "flattened" => new VmcoreForm { Kind = VmcoreKind.Flattened },
        "elf" => new VmcoreForm { Kind = VmcoreKind.Elf },
        "qemu" => new VmcoreForm { IsFromQemu = true },
        "noinfo" => new VmcoreForm { HasVmcoreInfo = false, IsFromQemu = true },
        "kdump" => new VmcoreForm(),
        _ => throw new ArgumentException($"no form '{name}'"),
    };
}
