using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>Systems of ARM64: kernel stacks are those true by construction.</summary>
public class Arm64Tests
{
    [Test]
    public void Every_waiting_threads_stack_is_the_one_that_was_written() =>
        Assert.That(ForgedStacks.AssertEqual("idle", "arm64:22000"), Is.GreaterThan(100));
}
