using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Linux;
using HangAnalysis.DumpForge.Linux.Scenarios;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Scenarios.Crashes;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge;

/// <summary>The command: writes the dump, the symbols and the truth of a scenario.</summary>
internal static class Program
{
    private const string Usage = """
        usage: DumpForge SCENARIO --out DIR [--layout FILE-OR-VERSION] [--kind KIND] [--without TYPE]... [--shuffle SEED]
                   [--paging pae|two-level]
               DumpForge linux:SCENARIO --out DIR [--layout 6.1|6.12|6.15|odd] [--form FORM] [--levels 4|5] [--tasks COUNT]
               DumpForge --list
               DumpForge --make-layouts DIR FILE
        FORM: kdump, raw, flattened, elf, qemu, noinfo, split
        KIND: full, bitmap, kernelbitmap, kernelranges, activeranges, completeranges, triage
        """;

    private static int Main(string[] arguments)
    {
        if (arguments is ["--make-layouts", string folder, string file])
            return MakeLayouts.Run(folder, file);
        if (arguments is ["--list"])
        {
            foreach (string name in ScenarioSet.Names.Concat(CrashScenarioSet.Names).Concat(StopScenarios.Names).Concat(StopScenarioSet.All.Keys))
                Console.WriteLine(name);
            foreach (string name in ScenarioSet.NamesOfX86)
                Console.WriteLine(name + " (x86 alone)");
            foreach (string name in LinuxScenarioSet.All)
                Console.WriteLine(LinuxCommand.Prefix + name);
            return 0;
        }
        try
        {
            return arguments is [string first, ..] && first.StartsWith(LinuxCommand.Prefix, StringComparison.Ordinal)
                ? LinuxCommand.Run(arguments) ?? throw new ArgumentException(Usage) : Forge(arguments);
        }
        catch (Exception error) when (error is ArgumentException or KeyNotFoundException)
        {
            Console.Error.WriteLine(error.Message);
            return 2;
        }
    }

    private static int Forge(string[] arguments)
    {
        string? output = null, layout = "10.0.14393";
        DumpKind? kind = null;
        List<string> without = [];
        ulong shuffle = 0;
        bool hasPae = true;
        if (arguments.Length == 0 || arguments[0].StartsWith('-'))
            throw new ArgumentException(Usage);
        for (int i = 1; i < arguments.Length; i += 2)
        {
            string value = i + 1 < arguments.Length ? arguments[i + 1] : throw new ArgumentException(Usage);
            switch (arguments[i])
            {
                case "--out":
                    output = value;
                    break;
                case "--layout":
                    layout = value;
                    break;
                case "--kind":
                    kind = Enum.TryParse(value, ignoreCase: true, out DumpKind parsed)
                        ? parsed : throw new ArgumentException(Usage);
                    break;
                case "--without":
                    without.Add(value);
                    break;
                case "--shuffle":
                    shuffle = ulong.TryParse(value, out ulong seed) && seed != 0 ? seed : throw new ArgumentException(Usage);
                    break;
                case "--paging":
                    hasPae = value switch
                    {
                        "pae" => true,
                        "two-level" => false,
                        _ => throw new ArgumentException(Usage),
                    };
                    break;
                default:
                    throw new ArgumentException(Usage);
            }
        }
        if (output is null)
            throw new ArgumentException(Usage);
        KernelLayout types = File.Exists(layout) ? KernelLayout.Load(layout) : KernelLayout.BuiltIn(layout);
        if (!hasPae)
            types = types.WithoutPae();
        SystemBuilder system = ScenarioSet.Build(arguments[0], types, shuffle);
        foreach (string type in without)
            system.SymbolLayout = system.SymbolLayout.Without(type);
        ForgedDump.Write(system, output, kind ?? system.PreferredKind);
        return 0;
    }
}
