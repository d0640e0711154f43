using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Which processors have which instructions, as far as makers' public manuals tell by family and model.</summary>
/// <remarks>
/// Intel, Software Developer's Manual volumes 1 and 4 (models by microarchitecture) and the optimisation manual's list of what
/// each one added; AMD, Architecture Programmer's Manual volume 3, CPUID of each family's revision guide. What is not said there
/// of a model is not known here: an extension may be switched off in cheap models, by firmware, or by a hypervisor.
/// </remarks>
internal static class ProcessorFeatures
{
    /// <summary>Instructions that every processor has that runs 64-bit Windows.</summary>
    private static readonly HashSet<string> s_always =
    [
        "INTEL8086", "INTEL8086_ONLY", "INTEL186", "INTEL286", "INTEL386", "INTEL486", "X64", "CMOV", "CX8", "MMX", "SSE", "SSE2", "FXSR",
        "TSC", "MULTIBYTENOP", "CPUID", "PAUSE",
    ];

    /// <summary>Intel, family 6: models before Nehalem (Core, Core 2, Penryn, Dunnington) and the first Atoms.</summary>
    private static readonly HashSet<int> s_beforeNehalem =
        [0x0d, 0x0e, 0x0f, 0x16, 0x17, 0x1d, 0x1c, 0x26, 0x27, 0x35, 0x36];

    /// <summary>Intel, family 6: Nehalem and Westmere, and Atoms from Silvermont to Tremont: without AVX.</summary>
    private static readonly HashSet<int> s_withoutAvx =
        [0x1a, 0x1e, 0x1f, 0x2e, 0x25, 0x2c, 0x2f, 0x37, 0x4a, 0x4d, 0x5a, 0x5d, 0x4c, 0x5c, 0x5f, 0x7a, 0x86, 0x96, 0x9c];

    /// <summary>Intel, family 6: Sandy Bridge and Ivy Bridge: with AVX, without AVX2, BMI and FMA.</summary>
    private static readonly HashSet<int> s_firstAvx = [0x2a, 0x2d, 0x3a, 0x3e];

    /// <summary>Whether every processor has an instruction set.</summary>
    public static bool IsAlwaysThere(string feature) => s_always.Contains(feature);

    /// <summary>Whether a processor has an instruction set; null where that is not known.</summary>
    /// <param name="feature">Name of Iced's CpuidFeature.</param>
    /// <param name="processor">The processor.</param>
    public static bool? Has(string feature, ProcessorIdentity processor)
    {
        if (IsAlwaysThere(feature))
            return true;
        return processor.Vendor switch
        {
            "GenuineIntel" => IntelHas(feature, processor),
            "AuthenticAMD" => AmdHas(feature, processor.Family),
            _ => null,
        };
    }

    private static bool? IntelHas(string feature, ProcessorIdentity processor)
    {
        bool isOld = processor.Family is 5 or 0xf || processor.Family == 6 && s_beforeNehalem.Contains(processor.Model);
        bool isNewer = processor.Family == 6 && processor.Model >= 0x1a && !isOld;
        return feature switch
        {
            // Nehalem, and Silvermont among the Atoms, brought both.
            "POPCNT" or "SSE4_2" => isOld ? false : isNewer ? true : null,
            "AVX" or "F16C" when isOld || s_withoutAvx.Contains(processor.Model) => false,
            "AVX2" or "BMI1" or "BMI2" or "FMA" or "LZCNT" or "MOVBE" when feature != "MOVBE"
                && (isOld || s_withoutAvx.Contains(processor.Model) || s_firstAvx.Contains(processor.Model)) => false,
            "AVX512F" or "AVX512BW" or "AVX512VL" or "AVX512DQ" or "AVX512CD"
                when isOld || s_withoutAvx.Contains(processor.Model) || s_firstAvx.Contains(processor.Model) => false,
            _ => null,
        };
    }

    private static bool? AmdHas(string feature, int family) => feature switch
    {
        // Family 10h (Barcelona) brought POPCNT, 15h (Bulldozer) SSE4.2 and AVX; 14h (Bobcat) has POPCNT and no AVX.
        "POPCNT" => family >= 0x10,
        "SSE4_1" or "SSE4_2" or "AVX" => family >= 0x15,
        "AVX2" when family < 0x15 => false,
        "AVX512F" or "AVX512BW" or "AVX512VL" or "AVX512DQ" or "AVX512CD" when family < 0x19 => false,
        _ => null,
    };
}
